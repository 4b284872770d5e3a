import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { silentLog } from '../lib/log.ts';
import { StartWatch } from './start-watch.ts';

const startMs = 60_000;
let ends: number;
beforeEach(() => {
  ends = 0;
  vi.useFakeTimers();
});
afterEach(() => void vi.useRealTimers());

const watchFor = (limitMs: number): StartWatch =>
  new StartWatch({
    startMs: limitMs,
    chatId: 'chat',
    logger: silentLog,
    end() {
      ends += 1;
      return Promise.resolve();
    },
  });

describe('AGENT-37: the limit of a start', () => {
  test('ends a program that shows nothing, says why, and applies again to the next one', () => {
    const watch = watchFor(startMs);
    watch.begin();
    vi.advanceTimersByTime(startMs - 1);
    expect(ends).toBe(0);
    vi.advanceTimersByTime(1);
    expect(ends).toBe(1);
    expect(watch.failure?.message).toContain('no sign of life for 60 s while it started');
    watch.begin();
    expect(watch.failure).toBeUndefined();
    watch.close();
    vi.advanceTimersByTime(startMs * 100);
    expect(ends).toBe(1);
  });

  test('waits for hooks, but not forever, and counts from their end', () => {
    const watch = watchFor(startMs);
    watch.begin();
    watch.noteHooks(1);
    vi.advanceTimersByTime(10 * 60_000);
    watch.noteHooks(0);
    vi.advanceTimersByTime(startMs - 1);
    expect(ends).toBe(0);
    watch.noteHooks(1);
    vi.advanceTimersByTime(10 * 60_000 + startMs);
    expect(ends).toBe(1);
    watch.noteHooks(0);
    vi.advanceTimersByTime(startMs);
    expect(ends).toBe(1);
  });

  test('of 0 never ends a program', () => {
    const watch = watchFor(0);
    watch.begin();
    watch.noteHooks(1);
    watch.noteHooks(0);
    vi.advanceTimersByTime(24 * 3600_000);
    expect(ends).toBe(0);
  });
});
