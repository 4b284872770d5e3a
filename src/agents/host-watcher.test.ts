import { describe, expect, test } from 'vitest';
import { until } from '../../test/support/until.ts';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { silentLog } from '../lib/log.ts';
import { identifyProcess, isAlive } from '../lib/process-identity.ts';
import { spawnAgent } from './agent-process.ts';
import { markSession } from './process-marks.ts';
import { startHostWatcher } from './host-watcher.ts';

// test/e2e/left-behind.test.ts tests what it does when its host is killed.
describe.runIf(process.platform === 'linux')('the watcher of a host', () => {
  test('AGENT-32: is replaced when it is killed, and gone once the host has closed it', async () => {
    const watcher = startHostWatcher(silentLog);
    const first = identifyProcess(watcher.pid!)!;
    process.kill(first.pid, 'SIGKILL');
    const second = await until(() => (watcher.pid !== undefined && watcher.pid !== first.pid ? watcher.pid : null), {
      timeoutMs: 40_000,
    });
    const identity = identifyProcess(second)!;
    await watcher.close();
    expect([isAlive(first), isAlive(identity)]).toEqual([false, false]);
    await watcher.close();
  });

  test('FENCE-8: ends the agents of a host that was silent for too long, and no others, and goes on', async () => {
    const watcher = startHostWatcher(silentLog, { seconds: 1, graceSeconds: 1 });
    const startAgent = async () => {
      const agent = spawnAgent('sleep', ['600'], {
        env: { PATH: process.env['PATH'] },
        mark: markSession(randomUUID()),
      });
      await until(() => agent.pid !== undefined);
      return identifyProcess(agent.pid!)!;
    };
    const beatFor = async (ms: number) => {
      for (const end = performance.now() + ms; performance.now() < end; await delay(200)) watcher.beat();
    };
    const first = await startAgent();
    const stranger = spawn('sleep', ['600'], { stdio: 'ignore' });
    // Before it has begun to beat it may be waiting for its database.
    await delay(2_500);
    expect(isAlive(first)).toBe(true);
    await beatFor(2_500);
    expect(isAlive(first)).toBe(true);
    await until(() => !isAlive(first), { what: 'the end of the agent' });
    expect(stranger.exitCode).toBeNull();

    // It is back.
    await beatFor(1_500);
    const second = await startAgent();
    await beatFor(2_500);
    expect(isAlive(second)).toBe(true);
    await until(() => !isAlive(second), { what: 'the end of the second agent' });
    stranger.kill();
    await watcher.close();
  });
});
