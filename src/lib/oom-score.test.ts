import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { endBeforeSelf } from './oom-score.ts';

const scoreOf = (pid: number | string): number => Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'latin1'));

test('AGENT-49: the kernel ends a process before the one that started it', async ({ skip }) => {
  skip(process.platform !== 'linux', 'Only Linux has such a score.');
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  try {
    endBeforeSelf(child.pid);
    expect(scoreOf(child.pid!)).toBe(Math.min(1000, scoreOf('self') + 500));
  } finally {
    child.stdin.end();
    await once(child, 'exit');
  }
  // It is gone, or was never there.
  endBeforeSelf(child.pid);
  endBeforeSelf(undefined);
  expect(scoreOf('self')).toBeLessThan(1000);
});
