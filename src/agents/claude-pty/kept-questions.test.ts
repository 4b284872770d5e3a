// Which questions of the terminal program another process could take up.
import { expect, test } from 'vitest';
import type { AgentEvent, AgentEventOf } from '../agent-backend.ts';
import type { OpenCall } from '../claude/mapping/mapping-state.ts';
import { until } from '../../../test/support/until.ts';
import { TerminalQuestions } from './terminal-questions.ts';

function open() {
  const events: AgentEvent[] = [];
  const openCalls = new Map<string, OpenCall>();
  const questions = new TerminalQuestions({
    emit: (event) => events.push(event),
    openCalls: () => openCalls,
    isInterrupting: () => false,
    lateLines: () => Promise.resolve(),
  });
  const requested = () =>
    events.filter((event): event is AgentEventOf<'decision_requested'> => event.type === 'decision_requested');
  /** The program asks about a call that is in its transcript, and `isStored` in ours. */
  async function ask(
    id: string,
    { isStored = true, parent, ...more }: { isStored?: boolean; parent?: string; agent_id?: string } = {},
  ) {
    const before = requested().length;
    openCalls.set(id, { toolName: 'Bash', input: { command: id }, parentToolCallId: parent });
    questions.onToolCall(id);
    if (isStored) questions.onStoredCall(id);
    const input = { tool_name: 'Bash', tool_input: { command: id }, ...more };
    void questions.take({ input, answer: () => undefined, abandoned: new Promise(() => {}) });
    await until(() => requested().length > before);
    return requested().at(-1)!.decisionId;
  }
  const cancelled = () =>
    events.flatMap((event) => (event.type === 'decision_resolved' ? [[event.decisionId, event.outcome]] : []));
  return { questions, ask, cancelled, requested };
}

test('DECIDE-14: the agent’s own question about a stored call is kept', async () => {
  const { questions, ask, cancelled } = open();
  expect(questions.canLeave).toBe(false);
  const id = await ask('ls');
  expect(questions.canLeave).toBe(true);
  expect(questions.leave()).toEqual([id]);
  questions.withdrawAll();
  expect([cancelled(), questions.count]).toEqual([[], 0]);
});

test.each([
  ['whose call is not stored', { isStored: false }],
  ['of a sub-agent', { agent_id: 'agent-1' }],
])('DECIDE-14: a question %s ends with the program, and keeps it from being freed', async (_, given) => {
  const { questions, ask, cancelled } = open();
  const kept = await ask('ls');
  const lost = await ask('pwd', given);
  expect(questions.canLeave).toBe(false);
  expect(questions.leave()).toEqual([kept]);
  expect(cancelled()).toEqual([[lost, 'cancelled']]);
});

test('DECIDE-20: a sub-agent’s question is kept for the stored call that started it, as long as that has no result', async () => {
  const { questions, ask, requested } = open();
  questions.onStoredCall('agent');
  const id = await ask('ls', { agent_id: 'agent-1', parent: 'agent' });
  expect(requested()[0]!.subagentCallId).toBe('agent');
  expect(questions.leave()).toEqual([id]);

  const other = open();
  other.questions.onStoredCall('agent');
  // It works in the background.
  other.questions.onToolResult('agent', false);
  await other.ask('ls', { agent_id: 'agent-1', parent: 'agent' });
  expect(other.requested()[0]!.subagentCallId).toBeUndefined();
  expect([other.questions.canLeave, other.questions.leave()]).toEqual([false, []]);
});

test('DECIDE-5: the end of a dialog answers what was asked before it, and not what is asked next', async () => {
  const { questions, ask, requested } = open();
  const first = await ask('ls');
  const before = questions.open;
  questions.resolve(first, { outcome: 'allow' });
  const second = await ask('pwd');
  questions.onDialogClosed(before);
  expect(questions.count).toBe(1);
  expect(requested().map(({ decisionId }) => decisionId)).toEqual([first, second]);
  questions.onDialogClosed(questions.open);
  expect(questions.count).toBe(0);
});
