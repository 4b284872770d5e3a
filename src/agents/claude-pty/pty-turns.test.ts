// Turns as the lines of a transcript tell of them, where a prompt of the chat and somebody at the terminal meet.
import { expect, test } from 'vitest';
import { ofType } from '../../../test/contract/agent-backend.ts';
import type { AgentEvent } from '../agent-backend.ts';
import { CurrentDirectory } from '../claude/current-directory.ts';
import { zeroTotals } from '../claude/mapping/model-costs.ts';
import { PtyTurns } from './pty-turns.ts';
import { SessionCosts } from './session-costs.ts';
import { TypedChanges } from './typed-changes.ts';

async function read(events: AsyncIterable<AgentEvent>): Promise<AgentEvent[]> {
  const all: AgentEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

function openTurns() {
  const unprompted: Promise<AgentEvent[]>[] = [];
  const turns = new PtyTurns({
    sessionId: crypto.randomUUID(),
    model: null,
    permissionMode: 'default',
    costs: new SessionCosts(zeroTotals),
    changes: new TypedChanges(undefined),
    directory: new CurrentDirectory({ cwd: '/', agentDirectory: null }),
    onChanged: () => {},
    parentOf: () => undefined,
    onUnprompted: (events) => void unprompted.push(read(events)),
    onEvent: () => {},
    onTurn: () => {},
    onToolCall: () => {},
    onToolResult: () => {},
    onMcpServers: () => {},
    onRefused: () => {},
    onRest: () => {},
    countUnmapped: () => {},
  });
  const expected = turns.expect({ turnId: crypto.randomUUID(), content: [{ type: 'text', text: 'go on' }] });
  const take = (...entries: object[]) => turns.take({ sessionId: 's', subpath: '', entries: entries as never });
  return { turns, expected, own: read(expected.turn.out.iterable), unprompted, take };
}

const typed = (text: string) => ({
  type: 'user',
  uuid: crypto.randomUUID(),
  promptSource: 'typed',
  turnOrigin: 'human',
  message: { role: 'user', content: text },
});
const answer = (text: string) => ({
  type: 'assistant',
  uuid: crypto.randomUUID(),
  message: { id: crypto.randomUUID(), role: 'assistant', model: 'm', content: [{ type: 'text', text }] },
});
const ended = { type: 'system', subtype: 'turn_duration' };

test('TURN-21: a prompt that was taken with words that stood before it is told with them, and has its answer', async () => {
  const { expected, own, unprompted, take } = openTurns();
  expected.markTyped();
  await take(typed('never go on'), answer('as you say'), ended);
  const events = await own;
  expect(ofType(events, 'notice')).toMatchObject([{ code: 'prompt_with_other_words' }]);
  expect(ofType(events, 'user_message')).toMatchObject([{ content: [{ text: 'never go on' }] }]);
  expect(ofType(events, 'agent_message')).toHaveLength(1);
  expect(ofType(events, 'turn_finished')).toMatchObject([{ outcome: 'completed' }]);
  expect(unprompted).toEqual([]);
});

test('TURN-21: a prompt of somebody else that ends alike, and came before this one was typed, is theirs', async () => {
  const { expected, own, unprompted, take } = openTurns();
  await take(typed('never go on'), answer('as you say'), ended);
  expect(unprompted).toHaveLength(1);
  expected.markTyped();
  await take(typed('go on'), answer('going'), ended);
  expect(ofType(await own, 'notice')).toEqual([]);
});

test('TURN-21: a prompt in whose place other words were taken has failed, and nothing says that the agent had it', async () => {
  const { turns, expected, own, unprompted, take } = openTurns();
  expected.markTyped();
  await take(typed('something else'), answer('as you say'), ended);
  expect(await unprompted[0]).toHaveLength(4);
  await turns.rest(expected.turn);
  const events = await own;
  expect(events).toMatchObject([{ type: 'turn_finished', outcome: 'failed', error: { code: 'agent_failed' } }]);
  expect(ofType(events, 'turn_finished')[0]?.isTaken).toBeUndefined();
});

test('TURN-21: a prompt that the program takes into a turn of somebody else says so, and is not given again', async () => {
  const { expected, own, unprompted, take } = openTurns();
  expected.markTyped();
  const queued = {
    type: 'attachment',
    attachment: { type: 'queued_command', prompt: 'go on' },
    uuid: crypto.randomUUID(),
  };
  await take(typed('something else'), queued, answer('both'), ended);
  const events = await own;
  expect(events).toMatchObject([
    { type: 'notice', code: 'prompt_taken_into_turn' },
    { type: 'turn_finished', outcome: 'completed', isTaken: true },
  ]);
  expect(ofType(await unprompted[0]!, 'turn_finished')).toMatchObject([{ outcome: 'completed' }]);
});

test('TURN-22: a prompt that somebody takes back before the agent said anything is interrupted, and not given again', async () => {
  const { turns, expected, own, take } = openTurns();
  expected.markTyped();
  await take(typed('go on'));
  await turns.rest(expected.turn);
  expect(ofType(await own, 'turn_finished')).toMatchObject([{ outcome: 'interrupted', isTaken: true }]);
});

test('TURN-22: a turn that has an answer and no line of its end is completed', async () => {
  const { turns, expected, own, take } = openTurns();
  expected.markTyped();
  await take(typed('go on'), answer('going'));
  await turns.rest(expected.turn);
  expect(ofType(await own, 'turn_finished')).toMatchObject([{ outcome: 'completed' }]);
});
