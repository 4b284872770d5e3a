import { expect, test } from 'vitest';
import { endWithoutResult, type TurnTraces } from '../agents/agent-backend.ts';
import { noUsage } from '../protocol/usage.ts';
import { withTraces } from './uncounted.ts';

const tokens = (inputTokens: number, outputTokens: number) => ({ ...noUsage, inputTokens, outputTokens });
const traces = (parts: Pick<TurnTraces, 'seen' | 'spent'>): TurnTraces => ({
  ...parts,
  add: () => undefined,
  finishedCalls: new Set(),
});
const told = {
  ...endWithoutResult('failed'),
  usage: tokens(10, 20),
  costUsd: 0.5,
  models: { m: { ...tokens(10, 20), costUsd: 0.5 } },
};

test('TURN-15: counts what the agent reported, plus every other request in the transcript', () => {
  const { end, events } = withTraces('turn', told, traces({ seen: { m: tokens(13, 25) }, spent: { m: tokens(3, 5) } }));
  expect(end.usage).toEqual(tokens(13, 25));
  expect(end.models['m']).toEqual({ ...tokens(13, 25), costUsd: 0.5 });
  expect(events).toMatchObject([
    { body: { code: 'turn_cost_unknown', message: expect.stringContaining('3 input and 5 output tokens') } },
  ]);
});

test('TURN-15: counts no less than the transcript has, if the agent reported less for an answer that was cut off', () => {
  const { end, events } = withTraces('turn', told, traces({ seen: { m: tokens(10, 23) }, spent: {} }));
  expect(end.usage).toEqual(tokens(10, 23));
  expect(end.models).toEqual({ m: { ...tokens(10, 23), costUsd: 0.5 } });
  expect(events).toHaveLength(1);
});

test('TURN-15: reports nothing if there is nothing to add', () => {
  expect(withTraces('turn', told, traces({ seen: { m: tokens(10, 18) }, spent: {} }))).toEqual({
    end: told,
    events: [],
  });
});
