import { expect, test } from 'vitest';
import type { WaitsFor } from './chat.ts';
import { shortWait, spanText, waitWords } from './wait-words.ts';

const since = '2030-01-01T00:00:00.000Z';
const now = Date.parse(since) + 252_000;
const wait = (more: Partial<WaitsFor>): WaitsFor => ({ for: 'model', since, what: null, retry: null, ...more });

test('time spans are written the way people say them, and never negative', () => {
  expect([-5, 999, 59_999, 60_000, 61_000, 3_600_000, 7_860_000].map(spanText)).toEqual([
    '0 s',
    '0 s',
    '59 s',
    '1 min',
    '1 min 1 s',
    '1 h',
    '2 h 11 min',
  ]);
});

test('TURN-9: says what a chat waits for, and for how long', () => {
  expect(waitWords(wait({}), now)).toEqual({ text: 'Waiting for the model for 4 min 12 s', what: null });
  expect(waitWords(wait({ for: 'tool', what: 'make all' }), now)).toEqual({
    text: 'A tool has been running for 4 min 12 s',
    what: 'make all',
  });
  expect(shortWait(wait({ for: 'rate_limit' }), now)).toBe('rate limit 4 min 12 s');
});

test('TURN-11: says which retry it is, when it happens and why', () => {
  const retry = { attempt: 4, maxAttempts: 10, at: new Date(now + 11_400).toISOString(), reason: 'HTTP 529' };
  expect(waitWords(wait({ retry }), now).text).toBe(
    'Retrying: attempt 4 of 10, next in 12 s, because the model API failed (HTTP 529)',
  );
  expect(waitWords(wait({ retry: { ...retry, at: since } }), now).text).toContain(
    'attempt 4 of 10, in progress, because',
  );
});

test('AGENT-43 CLI-26: an agent that may not start yet says its place in a list, and why beside its chat', () => {
  const what = '3 of 5 in line: one agent starts at a time';
  const waits = wait({ for: 'start', what, place: 3 });
  expect(waitWords(waits, now)).toEqual({ text: 'Waiting to start for 4 min 12 s', what });
  expect(shortWait(waits, now)).toBe('start no. 3, 4 min 12 s');
  expect(waitWords(wait({ for: 'memory', what, place: 3 }), now).text).toBe('Waiting for memory for 4 min 12 s');
});
