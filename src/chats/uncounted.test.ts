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
  const message =
    '3 input and 5 output tokens of the interrupted turn were counted from its transcript. Their cost in dollars is not ' +
    'in the totals yet: it is added when the session continues, if the agent recorded it before it ended.';
  expect(events).toEqual([
    { turnId: 'turn', body: { type: 'notice', level: 'info', code: 'turn_cost_unknown', message } },
  ]);
});

test('TURN-15: counts no less than the transcript has, if the agent reported less for an answer that was cut off', () => {
  const { end, events } = withTraces('turn', told, traces({ seen: { m: tokens(10, 23) }, spent: {} }));
  expect(end.usage).toEqual(tokens(10, 23));
  expect(end.models).toEqual({ m: { ...tokens(10, 23), costUsd: 0.5 } });
  expect(events).toHaveLength(1);
});

test('TURN-15: counts what was spent beyond the report even if the transcript shows less than was reported', () => {
  const { end } = withTraces('turn', told, traces({ seen: { m: tokens(5, 9) }, spent: { m: tokens(3, 5) } }));
  expect(end.usage).toEqual(tokens(13, 25));
  expect(end.models).toEqual({ m: { ...tokens(13, 25), costUsd: 0.5 } });
});

test('TURN-15: counts a model of which the agent reported nothing, without a cost in dollars', () => {
  const { end } = withTraces('turn', told, traces({ seen: { n: tokens(1, 2) }, spent: { n: tokens(1, 2) } }));
  expect(end.usage).toEqual(tokens(11, 22));
  expect(end.models).toEqual({ ...told.models, n: { ...tokens(1, 2), costUsd: 0 } });
  // A name that every object has.
  const used = { toString: tokens(1, 2) };
  const odd = withTraces('turn', told, traces({ seen: used, spent: used })).end;
  expect(odd.models['toString']).toEqual({ ...tokens(1, 2), costUsd: 0 });
});

test('TURN-15: reports nothing if there is nothing to add', () => {
  expect(withTraces('turn', told, traces({ seen: { m: tokens(10, 18) }, spent: {} }))).toEqual({
    end: told,
    events: [],
  });
});
