import { describe, expect, test } from 'vitest';
import { until } from '../../test/support/until.ts';
import { silentLog } from '../lib/log.ts';
import { identifyProcess, isAlive } from '../lib/process-identity.ts';
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
});
