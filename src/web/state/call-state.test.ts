import { expect, it } from 'vitest';
import type { Event, EventBody } from '../../protocol/event.ts';
import { noUsage } from '../../protocol/usage.ts';
import { callState } from './call-state.ts';
import { emptyLog } from './chat-log.ts';
import { append, prepend } from './fold.ts';

const [first, second, third] = ['a', 'b', 'c'] as const;
const start = (turnId: string, continuesTurnId?: string): object => ({
  type: 'turn_started',
  turnId,
  promptIds: [],
  continuesTurnId,
});
const end = (turnId: string, openDecisionIds?: string[]): object => ({
  type: 'turn_finished',
  turnId,
  outcome: openDecisionIds ? 'interrupted' : 'completed',
  usage: noUsage,
  costUsd: 0,
  openDecisionIds,
});
const resolved = (outcome: string): object => ({ type: 'decision_resolved', decisionId: 'd', outcome, by: null });
const lost = {
  type: 'notice',
  level: 'warning',
  code: 'decision_without_effect',
  message: '',
  data: { decisionId: 'd' },
};

/** A turn whose process ended while it asked. */
const left = [
  start(first),
  { type: 'tool_call', toolCallId: 'call', toolName: 'Bash', title: 'Bash', kind: 'execute', turnId: first },
  { type: 'decision_requested', decisionId: 'd', toolCallId: 'call', kind: 'permission', title: '', input: {} },
  end(first, ['d']),
];
const running = { isAsking: false, isTurnOpen: true };
const over = { isAsking: false, isTurnOpen: false };

it.each([
  ['waits for the answer', [], { isAsking: true, isTurnOpen: false }],
  ['starts with the answer', [resolved('allow')], running],
  ['runs in the turn that continues', [resolved('allow'), start(second, first)], running],
  [
    'runs in the turn after that',
    [resolved('deny'), start(second, first), end(second, ['e']), start(third, second)],
    running,
  ],
  ['has ended without a result', [resolved('allow'), start(second, first), end(second)], over],
  ['is not continued by another turn', [resolved('allow'), start(second)], over],
  ['was cancelled', [resolved('cancelled')], over],
  ['could not be continued', [resolved('allow'), lost], over],
])('WEB-70: a call whose decision outlives its process %s', (_state, more, expected) => {
  const events = [...left, ...more].map((body, index) => ({ seq: index + 1, at: '', ...body }) as Event & EventBody);
  const call = { toolCallId: 'call', turnId: first };
  expect(callState(append(emptyLog(), events), call)).toEqual(expected);
  // Whatever the order in which its parts are loaded.
  const later = append(emptyLog(4), events.slice(4));
  expect(callState(prepend(prepend(later, events.slice(2, 4)), events.slice(0, 2)), call)).toEqual(expected);
});
