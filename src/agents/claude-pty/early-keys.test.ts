import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EarlyKeys } from './early-keys.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('TERM-12: a dialog accepts no key in its first moments, whether its question or its opening is reported first', () => {
  const early = new EarlyKeys(500);
  early.noteQuestion();
  early.noteStatus({ state: 'waiting' });
  expect(early.isEarly).toBe(true);
  vi.advanceTimersByTime(501);
  expect(early.isEarly).toBe(false);
  early.noteStatus({ state: 'busy' });

  early.noteStatus({ state: 'waiting' });
  vi.advanceTimersByTime(100);
  early.noteQuestion();
  expect(early.isEarly).toBe(true);
  vi.advanceTimersByTime(401);
  expect(early.isEarly).toBe(false);
});

test('TERM-12: a screen that a person opens accepts keys immediately, even after a dialog whose question came late', () => {
  const early = new EarlyKeys(500);
  early.noteStatus({ state: 'waiting' });
  expect(early.isEarly).toBe(false);
  early.noteQuestion();
  vi.advanceTimersByTime(501);
  early.noteStatus({ state: 'busy' });
  early.noteStatus({ state: 'waiting' });
  expect(early.isEarly).toBe(false);
});
