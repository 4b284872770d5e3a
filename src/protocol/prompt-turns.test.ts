import { expect, test } from 'vitest';
import type { Event, EventBody } from './event.ts';
import { PromptTurns } from './prompt-turns.ts';
import { noUsage } from './usage.ts';

const usage = { ...noUsage, outputTokens: 1 };
const started = (turnId: string, from: { promptIds?: string[]; continuesTurnId?: string }): EventBody => ({
  type: 'turn_started',
  turnId,
  promptIds: [],
  ...from,
});
const ended = (turnId: string, rest: Partial<Extract<EventBody, { type: 'turn_finished' }>> = {}): EventBody => ({
  type: 'turn_finished',
  turnId,
  outcome: 'completed',
  usage,
  costUsd: 1,
  ...rest,
});
const left = (turnId: string, openDecisionIds: string[]): EventBody =>
  ended(turnId, {
    outcome: 'interrupted',
    openDecisionIds,
    error: { code: 'host_restarted', message: 'The turn continues when …' },
  });
const resolved = (decisionId: string, outcome: 'allow' | 'cancelled', by: string | null = null): EventBody => ({
  type: 'decision_resolved',
  decisionId,
  outcome,
  by: by as never,
});
const withoutEffect = (decisionId: string): EventBody => ({
  type: 'notice',
  level: 'warning',
  code: 'decision_without_effect',
  message: 'It could not be continued.',
  data: { decisionId },
});

const first = started('a', { promptIds: ['p'] });

/** How the prompt ended, and after how many events. */
function follow(events: EventBody[]) {
  const turns = new PromptTurns('p');
  for (const [index, event] of events.entries()) {
    const end = turns.noted(event as Event);
    if (end) return { end, after: index + 1, turnId: turns.turnId };
  }
  return { turnId: turns.turnId };
}

test('CLI-20: a prompt ends with the turn that took it, and with no other one', () => {
  const events = [started('x', { promptIds: ['o'] }), ended('x'), first, ended('x'), ended('a')];
  expect(follow(events)).toEqual({
    end: { outcome: 'completed', error: undefined, usage, costUsd: 1 },
    after: 5,
    turnId: 'a',
  });
  expect(follow([{ type: 'prompt_cancelled', promptId: 'p' } as EventBody])).toMatchObject({ end: 'cancelled' });
});

test('CLI-20: a prompt that its agent never received ends with a later turn, which alone counts', () => {
  const events = [first, ended('a', { outcome: 'interrupted', requeuedPromptIds: ['p'] })];
  expect(follow(events)).toEqual({ turnId: null });
  const again = [...events, started('b', { promptIds: ['p'] }), ended('b')];
  expect(follow(again)).toMatchObject({ end: { outcome: 'completed', costUsd: 1 }, turnId: 'b' });
});

test('CLI-20: open decisions are followed over several continuations, whose usage and cost add up', () => {
  const events = [
    first,
    left('a', ['d']),
    resolved('d', 'allow'),
    // Another prompt's turn changes nothing.
    started('x', { promptIds: ['o'] }),
    ended('x'),
    started('b', { continuesTurnId: 'a' }),
    left('b', ['e']),
    resolved('e', 'allow'),
    started('c', { continuesTurnId: 'b' }),
    ended('c', { outcome: 'failed', error: { code: 'model_error', message: 'No.' } }),
  ];
  for (let count = 1; count < events.length; count += 1) expect(follow(events.slice(0, count)).end).toBe(undefined);
  expect(follow(events)).toEqual({
    end: {
      outcome: 'failed',
      error: { code: 'model_error', message: 'No.' },
      usage: { ...noUsage, outputTokens: 3 },
      costUsd: 3,
    },
    after: events.length,
    turnId: 'c',
  });
});

test('CLI-20: it ends as interrupted when its decisions are cancelled or without effect, and says only what holds', () => {
  const interrupted = { outcome: 'interrupted', costUsd: 1 };
  const two = [first, left('a', ['d', 'e']), resolved('d', 'cancelled')];
  expect(follow(two).end).toBe(undefined);
  expect(follow([...two, resolved('e', 'cancelled')]).end).toEqual({ ...interrupted, usage, error: undefined });
  expect(follow([...two, resolved('e', 'cancelled', 'host')]).end).toMatchObject({
    error: { message: expect.stringContaining('could not be continued') },
  });
  // Also if the process was killed, which is a failure.
  const killed = [first, ended('a', { outcome: 'failed', openDecisionIds: ['d'] }), resolved('d', 'cancelled')];
  expect(follow(killed).end).toMatchObject({ ...interrupted, error: undefined });
  const answered = [...two, resolved('e', 'allow')];
  expect(follow([...answered, withoutEffect('x')]).end).toBe(undefined);
  expect(follow([...answered, withoutEffect('e')]).end).toMatchObject({
    ...interrupted,
    error: { code: 'agent_failed', message: 'It could not be continued.' },
  });
});

test('CLI-20: a turn that ends while another of its decisions waits is not the last', () => {
  const events = [first, left('a', ['d', 'e']), resolved('d', 'allow'), started('b', { continuesTurnId: 'a' })];
  // Not in the middle of a turn.
  expect(follow([...events, resolved('e', 'cancelled')]).end).toBe(undefined);
  expect(follow([...events, resolved('e', 'cancelled'), ended('b')])).toMatchObject({ turnId: 'b', after: 6 });
  const one = [...events, ended('b')];
  expect(follow(one).end).toBe(undefined);
  expect(follow([...one, resolved('e', 'allow'), started('c', { continuesTurnId: 'a' }), ended('c')])).toMatchObject({
    end: { outcome: 'completed', costUsd: 3 },
    turnId: 'c',
  });
});

test('CLI-20: an answer that a turn did not give to the agent is waited for again', () => {
  const events = [
    first,
    left('a', ['d']),
    resolved('d', 'allow'),
    started('b', { continuesTurnId: 'a' }),
    // Its host was killed before the agent got the answer.
    left('b', ['d']),
  ];
  expect(follow(events).end).toBe(undefined);
  const again = [...events, started('c', { continuesTurnId: 'a' }), ended('c')];
  expect(follow(again)).toMatchObject({ end: { outcome: 'completed' }, turnId: 'c' });
});
