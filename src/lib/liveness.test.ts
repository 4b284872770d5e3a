import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Liveness, watchLiveness } from './liveness.ts';

const silenceMs = 20_000;
const answerMs = 5_000;
let asked: number;
let deaths: number;
let liveness: Liveness;

beforeEach(() => {
  vi.useFakeTimers();
  [asked, deaths] = [0, 0];
  liveness = watchLiveness({ silenceMs, answerMs, ask: () => (asked += 1), onDead: () => (deaths += 1) });
});
afterEach(() => {
  liveness.stop();
  const left = vi.getTimerCount();
  vi.useRealTimers();
  if (left > 0) throw new Error(`${left} timers are left.`);
});

describe('WEB-3: a connection that may be dead', () => {
  it('is asked after a silence, and is dead if it does not answer', () => {
    vi.advanceTimersByTime(silenceMs - 1);
    expect([asked, deaths]).toEqual([0, 0]);
    vi.advanceTimersByTime(1 + answerMs);
    expect([asked, deaths]).toEqual([1, 1]);
  });

  it('is alive as long as it answers, and is not asked while data arrives', () => {
    for (let round = 1; round <= 5; round += 1) {
      for (let ms = 0; ms < silenceMs * 1.1 && asked < round; ms += 100) vi.advanceTimersByTime(100);
      expect(asked).toBe(round);
      vi.advanceTimersByTime(answerMs - 100);
      liveness.hear();
    }
    for (let at = 0; at < 100; at += 1) {
      vi.advanceTimersByTime(15_000);
      liveness.hear();
    }
    expect([asked, deaths]).toEqual([5, 0]);
  });

  it('is asked immediately on request, but not again before the answer', () => {
    liveness.check();
    vi.advanceTimersByTime(answerMs - 1);
    liveness.check();
    expect([asked, deaths]).toEqual([1, 0]);
    vi.advanceTimersByTime(1);
    expect([asked, deaths]).toEqual([1, 1]);
  });

  it('is asked soon after a sleep in which only the wall clock advanced', () => {
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(silenceMs / 10);
    expect(asked).toBe(1);
  });

  it('is asked in time even if the wall clock was set back', () => {
    vi.setSystemTime(Date.now() - 3_600_000);
    vi.advanceTimersByTime(silenceMs);
    expect(asked).toBe(1);
  });
});
