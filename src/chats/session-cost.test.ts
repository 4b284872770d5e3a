import { expect, test } from 'vitest';
import { noUsage } from '../protocol/usage.ts';
import { unbooked } from './session-cost.ts';

const cost = (outputTokens: number, costUsd: number) => ({ ...noUsage, outputTokens, costUsd });

test('TURN-16: finds what was counted but not booked, by model, in tokens and dollars', () => {
  const booked = { m: cost(10, 0.1 + 0.2) };
  expect(unbooked(booked, { m: cost(10, 0.3) })).toEqual({ costUsd: 0, models: {} });
  expect(unbooked(booked, { m: cost(15, 0.8), n: cost(1, 0.25) })).toEqual({
    costUsd: expect.closeTo(0.75, 9) as number,
    models: { m: cost(5, expect.closeTo(0.5, 9) as number), n: cost(1, 0.25) },
  });
  // Tokens counted from the transcript were booked without their dollars.
  expect(unbooked({ m: cost(15, 0.3) }, { m: cost(15, 0.5) })?.models).toEqual({ m: cost(0, expect.closeTo(0.2, 9)) });
  expect(
    unbooked({}, JSON.parse('{"__proto__":{"outputTokens":3,"costUsd":1}}') as Record<string, ReturnType<typeof cost>>)
      ?.costUsd,
  ).toBe(1);
});

test('TURN-16: a count with fewer dollars than were booked is out of date, so nothing of it is unbooked', () => {
  expect(unbooked({ m: cost(10, 0.5) }, { m: cost(11, 0.4) })).toBeNull();
  expect(unbooked({ m: cost(10, 0.5) }, { n: cost(11, 0.6) })).toBeNull();
});

test('TURN-16: more tokens may be booked than the agent counted, for an answer that was cut off', () => {
  expect(unbooked({ m: cost(10, 0.5) }, { m: cost(9, 0.6) })?.models).toEqual({ m: cost(0, expect.closeTo(0.1, 9)) });
  expect(unbooked({ m: cost(1, 0) }, {})).toEqual({ costUsd: 0, models: {} });
  expect(unbooked({ m: cost(1, 0) }, { n: cost(5, 1) })).toEqual({ costUsd: 1, models: { n: cost(5, 1) } });
});

test('TURN-16: up to a billionth of a dollar is rounding', () => {
  expect(unbooked({}, { m: cost(0, 1e-9) })).toEqual({ costUsd: 0, models: {} });
  expect(unbooked({ m: cost(0, 1e-9) }, {})).toEqual({ costUsd: 0, models: {} });
  expect(unbooked({}, { m: cost(0, 2e-9) })).toEqual({ costUsd: 2e-9, models: { m: cost(0, 2e-9) } });
  expect(unbooked({ m: cost(0, 2e-9) }, {})).toBeNull();
});
