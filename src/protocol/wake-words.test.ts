import { expect, test } from 'vitest';
import type { WakeCost } from './wake-cost.ts';
import { wakeWords } from './wake-words.ts';

const now = Date.parse('2030-01-01T12:00:00Z');
const cost: WakeCost = {
  model: 'm',
  contextTokens: 120_400,
  sentAt: '2030-01-01T08:00:00Z',
  cache: { state: 'ended', endsAt: '2030-01-01T09:00:00Z' },
  costUsd: 0.4512,
  noPrice: null,
};

test.each<[Partial<WakeCost>, string | null]>([
  [{}, 'The next prompt sends 120k tokens again, about $0.45. Their cache ended 3 h ago.'],
  [
    { cache: { state: 'live', endsAt: '2030-01-01T12:04:10Z' }, costUsd: 0.001 },
    'The next prompt sends 120k tokens again, less than $0.01. They are cached for another 4 min.',
  ],
  [
    { cache: { state: 'unknown', endsAt: null }, contextTokens: 900 },
    'The next prompt sends 900 tokens again, about $0.45.',
  ],
  [
    { costUsd: null, noPrice: 'not_learned' },
    'The next prompt sends 120k tokens again (the agent has not reported yet what such tokens cost). Their cache ended 3 h ago.',
  ],
  [
    { cache: { state: 'ended', endsAt: null }, costUsd: null, noPrice: 'other_model' },
    'The next prompt sends 120k tokens again (its price with another model than before is not known). None of it is cached for that model.',
  ],
  [{ contextTokens: null, costUsd: null, noPrice: 'no_context' }, null],
])('USAGE-23 USAGE-24: is said in words: %o', (change, words) => {
  expect(wakeWords({ ...cost, ...change }, now)).toBe(words);
});
