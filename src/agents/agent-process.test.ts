import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentEnv, createAgentEnv } from '../../test/support/agent-env.ts';
import { compileModule } from '../../test/support/compile.ts';
import { processesWith } from '../../test/support/processes.ts';
import { until } from '../../test/support/until.ts';
import { type DemoModel, startDemoModel } from '../demo/demo-model.ts';
import { silentLog } from '../lib/log.ts';
import { commandLine, identifyProcess, isAlive, type ProcessIdentity } from '../lib/process-identity.ts';
import { endOrphans, endSession, spawnAgent } from './agent-process.ts';
import { hostDigits, hostMark, markName, markSession, processesOf, type SessionMark } from './process-marks.ts';

const onLinux = process.platform === 'linux';

describe.runIf(onLinux)('a killed host', () => {
  let model: DemoModel;
  let agent: AgentEnv;
  let cwd: string;
  let compiled: { module: string; remove(): Promise<void> };

  beforeAll(async () => {
    compiled = await compileModule('agents/claude-sdk/claude-sdk-backend.ts');
    model = await startDemoModel();
    agent = await createAgentEnv(model.url);
    cwd = await realpath(await mkdtemp(join(tmpdir(), 'boocode-host-')));
  });
  afterAll(async () => {
    await model.close();
    await agent.remove();
    await rm(cwd, { recursive: true, force: true });
    await compiled.remove();
  });

  /** A host in its own process, with an open session. */
  async function startHost(prompt: string): Promise<ChildProcess> {
    const script = fileURLToPath(new URL('../../test/support/agent-host.mjs', import.meta.url));
    const host = spawn(process.execPath, [script, compiled.module, cwd, prompt], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    host.stdin.end(JSON.stringify(agent.env));
    await once(host.stdout, 'data');
    return host;
  }

  const left = (): string[] => processesWith(`HOME=${agent.home}`).map((each) => each.command);

  test.each([
    ['in the middle of a tool', 'run: env sleep 1000', (): boolean => left().includes('sleep 1000')],
    ['in the middle of an answer', 'hold', (): boolean => model.held > 0],
    ['at rest', '', (): boolean => left().length === 1],
  ])(
    'AGENT-4: %s leaves no agent and no tool behind, and the model gets no more requests',
    async (_, prompt, isThere) => {
      const host = await startHost(prompt);
      await until(isThere, { what: 'the agent at work' });
      const asked = model.requests.length;
      host.kill('SIGKILL');
      await once(host, 'close');
      await until(() => left().length === 0, { timeoutMs: 40_000, what: 'the end of every process' });
      expect(model.requests.length).toBe(asked);
    },
  );
});

describe.runIf(onLinux)('the marks of hosts', () => {
  /** A sleeping process with this environment. */
  function sleeper(env: Record<string, string>): { child: ChildProcess; identity: ProcessIdentity } {
    const child = spawn('sleep', ['1000'], { env: { PATH: process.env['PATH'], ...env }, stdio: 'ignore' });
    return { child, identity: identifyProcess(child.pid!)! };
  }

  test('AGENT-4: processes of a dead host are ended; those of another host, or of no host, are left alone', async () => {
    const self = identifyProcess(process.pid)!;
    const dead = spawn('true', { stdio: 'ignore' });
    const deadHost = identifyProcess(dead.pid!) ?? { pid: dead.pid!, startedAt: 'before' };
    await once(dead, 'exit');
    const orphan = sleeper({ [markName]: hostMark(deadHost) });
    // The same pid, reused: that host is dead too.
    const ofEarlierHost = sleeper({ [markName]: hostMark({ ...self, startedAt: `${self.startedAt}0` }) });
    const ofLivingHost = sleeper({ [markName]: hostMark(self) });
    const ofNobody = sleeper({ SOME_OTHER_NAME: hostMark(deadHost) });
    const nonsense = sleeper({ [markName]: 'nonsense' });
    const all = [orphan, ofEarlierHost, ofLivingHost, ofNobody, nonsense];
    try {
      expect(await endOrphans(silentLog)).toBeGreaterThanOrEqual(2);
      expect(all.map(({ identity }) => isAlive(identity))).toEqual([false, false, true, true, true]);
    } finally {
      for (const { child } of all) child.kill('SIGKILL');
    }
  });

  test.each([
    ['others', 'no other session’s', 2],
    // What has only the environment belongs to both.
    ['mine', 'none that another server in this process started for it', 3],
  ])(
    'AGENT-30: beside a session “%s”, a session’s processes are found by either mark, and %s',
    async (name, _, count) => {
      const [mine, others] = [markSession('mine'), markSession(name)];
      const inEnvironment = { [markName]: hostMark(identifyProcess(process.pid)!), BOOCODE_SESSION: 'mine' };
      const dead = { ...inEnvironment, [markName]: '1:of another host' };
      const [byEnvironment, ofOtherHost] = [sleeper(inEnvironment), sleeper(dead)];
      const run = (mark: SessionMark) => {
        const script = 'env -i setsid nohup sleep 1000 >/dev/null 2>&1 & echo $!; exec sleep 1000';
        return spawnAgent('sh', ['-c', script], { env: { PATH: process.env['PATH'] }, mark });
      };
      const agents = [run(mine), run(others)];
      try {
        await Promise.all(agents.map(({ stdout }) => once(stdout, 'data')));
        // Each has executed its final program.
        const sleeping = (mark: SessionMark, count: number) =>
          until(async () => {
            const found = await processesOf(mark);
            return found.length === count && found.every(({ name }) => name === 'sleep') ? found : null;
          });
        const [detached] = [await sleeping(mine, 3), await sleeping(others, count)];
        expect(mine.limit).toMatch(/^1\d{19}$/);
        expect(await endSession(mine)).toEqual({ ended: ['sleep'], alive: [] });
        expect(detached.map((each) => isAlive(each))).toEqual([false, false, false]);
        expect(isAlive(byEnvironment.identity)).toBe(false);
        expect(isAlive(ofOtherHost.identity)).toBe(true);
        expect(await processesOf(others)).toHaveLength(2);
      } finally {
        for (const { child } of [byEnvironment, ofOtherHost]) child.kill('SIGKILL');
        await endSession(others);
        await endSession(mine);
      }
    },
  );

  test('AGENT-4: the limit identifies a dead host’s session when nothing else is left of it', async () => {
    const self = identifyProcess(process.pid)!;
    const digits = [
      hostDigits({ ...self, startedAt: `boot/${Number(self.startedAt.split('/')[1]) + 1}` }),
      hostDigits(self),
    ];
    const sleepers = digits.map((each) => {
      const limit = `${each}000001`;
      const child = spawn('prlimit', [`--locks=${limit}:${limit}`, '--', 'sleep', '1000'], {
        env: { PATH: process.env['PATH'] },
      });
      return { child, identity: identifyProcess(child.pid!)! };
    });
    try {
      await until(() => sleepers.every(({ child }) => commandLine(child.pid!) === 'sleep 1000'));
      expect(await endOrphans(silentLog)).toBeGreaterThanOrEqual(1);
      expect(sleepers.map(({ identity }) => isAlive(identity))).toEqual([false, true]);
    } finally {
      for (const { child } of sleepers) child.kill('SIGKILL');
    }
  });

  test('AGENT-4: a spawned agent carries the mark of this host', async () => {
    const child = spawnAgent('sleep', ['1000'], { env: { PATH: process.env['PATH'] } });
    try {
      const mark = `${markName}=${hostMark(identifyProcess(process.pid)!)}`;
      const found = await until(() => processesWith(mark).find((each) => each.pid === child.pid));
      expect(found.environ).toContain(mark);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
