// A killed server cannot clean up: what its agents have started must end anyway, without help from another server.
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { hostDigits } from '../../src/agents/process-marks.ts';
import { identifyProcess } from '../../src/lib/process-identity.ts';
import { processesNaming } from '../support/processes.ts';
import { openProgramHome, type ProgramHome } from '../support/program.ts';
import { runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

describe.runIf(process.platform === 'linux')('a server that is killed', () => {
  let model: DemoModel;
  let home: ProgramHome;
  beforeAll(async () => {
    model = await startDemoModel();
    home = await openProgramHome({
      env: { CLAUDE_SDK_BACKEND: '1', ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'sk-demo-0000000000000000' },
    });
  });
  afterAll(async () => {
    await home.remove();
    await model.close();
  });

  test('AGENT-4 AGENT-32: leaves nothing of its sessions after ten seconds, not even detached processes', async () => {
    const commands = ['sleep 97503.1', 'sleep 97504.1'];
    const alive = (): string[] => commands.filter((command) => processesNaming(command).length > 0);
    try {
      const server = await home.serve('serve');
      for (const [index, backend] of (['claude_sdk', 'claude_pty'] as const).entries()) {
        const { id } = await server.client.createChat({ cwd: home.workDir, backend });
        await runTurn(server.client, id, `run: env -i setsid nohup ${commands[index]} >/dev/null 2>&1 </dev/null &`, {
          answer: () => ({ outcome: 'allow' }),
        });
      }
      const watcher = processesNaming('boocode-watcher').find(({ command }) =>
        command.includes(`BOOCODE_HOST_PROCESS=${server.program.identity.pid}:${server.program.identity.startedAt}`),
      );
      const directories = async (): Promise<string[]> =>
        (await readdir(tmpdir())).filter((name) => name.startsWith(`boo-${hostDigits(server.program.identity)}-`));
      expect(await directories()).toHaveLength(1);
      expect(watcher).toBeDefined();
      expect(alive()).toEqual(commands);
      const killedAt = performance.now();
      server.program.kill('SIGKILL');
      await server.program.ended();
      await until(() => alive().length === 0, {
        timeoutMs: 10_000,
        what: 'the end of all that the agents had started',
      });
      expect(performance.now() - killedAt).toBeLessThan(10_000);
      await until(() => identifyProcess(watcher!.pid)?.startedAt !== watcher!.startedAt, {
        timeoutMs: 10_000,
        what: 'the end of the watcher',
      });
      expect(await directories()).toEqual([]);
    } finally {
      for (const { pid } of commands.flatMap((command) => processesNaming(command))) process.kill(pid, 'SIGKILL');
    }
  }, 120_000);
});
