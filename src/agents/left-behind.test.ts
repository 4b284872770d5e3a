// Processes that a session has started, on both engines with the real program: none outlives the session.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { endOf, ofType, openSession, runTurn } from '../../test/contract/agent-backend.ts';
import { processesNaming } from '../../test/support/processes.ts';
import { openPtyHarness } from '../../test/support/pty-harness.ts';
import { openSdkHarness } from '../../test/support/sdk-harness.ts';
import { until } from '../../test/support/until.ts';

describe.runIf(process.platform === 'linux').each([
  ['claude_sdk', openSdkHarness, '97501.1'],
  ['claude_pty', openPtyHarness, '97502.1'],
] as const)('%s', (_, openHarness, seconds) => {
  test('AGENT-30 AGENT-31: nohup, setsid, a cleared environment and the children of an MCP server end with the session', async () => {
    const harness = await openHarness();
    const [ofServer, ofTool] = [`sleep ${seconds}1`, `sleep ${seconds}2`];
    const detached = (command: string): string => `env -i setsid nohup ${command} >/dev/null 2>&1 </dev/null &`;
    const alive = (command: string): number =>
      processesNaming(command).filter((each) => each.command === command).length;
    try {
      const config = join(harness.agent.configDir, '.claude.json');
      await mkdir(harness.agent.configDir, { recursive: true });
      const settings = await readFile(config, 'utf8').catch(() => '{}');
      const server = { type: 'stdio', command: 'sh', args: ['-c', `${detached(ofServer)} exec cat >/dev/null`] };
      await writeFile(config, JSON.stringify({ ...(JSON.parse(settings) as object), mcpServers: { server } }));
      const session = await openSession(harness);
      const turn = await runTurn(session, `run: ${detached(ofTool)}`, {
        answer: () => ({ outcome: 'allow' }),
      });
      expect(endOf(turn).outcome).toBe('completed');
      await until(() => alive(ofServer) === 1 && alive(ofTool) === 1, { what: 'what the session starts' });
      await session.handle.close();
      expect([alive(ofServer), alive(ofTool)]).toEqual([0, 0]);
      // That is reported, with their names only.
      const told = ofType(session.between, 'notice').filter(({ code }) => code === 'processes_ended');
      expect(told.map(({ data }) => data)).toEqual([{ names: expect.arrayContaining(['sleep']) as string[] }]);
      expect(told[0]?.message).not.toContain(seconds);
    } finally {
      for (const { pid } of [ofServer, ofTool].flatMap((command) => processesNaming(command)))
        process.kill(pid, 'SIGKILL');
      await harness.close();
    }
  });
});
