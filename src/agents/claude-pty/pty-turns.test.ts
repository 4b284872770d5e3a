// Turns as they appear in a transcript, when a prompt of the chat and a person at the terminal meet.
import { expect, test } from 'vitest';
import { ofType } from '../../../test/contract/agent-backend.ts';
import type { AgentEvent } from '../agent-backend.ts';
import { CurrentDirectory } from '../claude/current-directory.ts';
import { BackgroundTasks } from './background-tasks.ts';
import { DisplayedMessages } from './displayed-messages.ts';
import { PtyTurns } from './pty-turns.ts';
import { SessionCosts } from './session-costs.ts';
import { StartSettings } from './start-settings.ts';
import { TranscriptReader } from './transcript-reader.ts';
import { TurnState } from './turn-state.ts';
import { TypedChanges } from './typed-changes.ts';

async function read(events: AsyncIterable<AgentEvent>): Promise<AgentEvent[]> {
  const all: AgentEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

function openTurns() {
  const unprompted: Promise<AgentEvent[]>[] = [];
  const between: AgentEvent[] = [];
  const turn = new TurnState();
  const costs = new SessionCosts();
  const spec = {
    sessionId: crypto.randomUUID(),
    model: null,
    effort: null,
    permissionMode: 'default' as const,
    acceptsAgentMessages: false,
    onUnprompted: (events: AsyncIterable<AgentEvent>) => void unprompted.push(read(events)),
    onEvent: (event: AgentEvent) => void between.push(event),
  };
  const questions = { leave: () => [], onToolCall: () => {}, onToolResult: () => {} };
  const turns = new PtyTurns({
    spec,
    turn,
    costs,
    settings: new StartSettings(spec),
    questions,
    displayed: new DisplayedMessages(() => false),
    watch: { start: () => {} },
    onProgress: () => undefined,
    onEnd: () => {},
    countUnmapped: () => {},
  });
  const reader = new TranscriptReader({
    turn,
    turns,
    tasks: new BackgroundTasks(),
    costs,
    changes: new TypedChanges(),
    directory: new CurrentDirectory({ cwd: '/', agentDirectory: null }),
    transcript: { parentOf: () => undefined },
    questions,
    mcpServers: { merge: () => {} },
    inputLine: { noteKeys: () => {} },
  });
  const take = (...entries: object[]) => reader.take({ sessionId: 's', subpath: '', entries: entries as never });
  return { turn, turns, unprompted, between, take };
}

/** Turns with a prompt of the chat that is about to be typed. */
function openExpecting() {
  const open = openTurns();
  open.turn.wait();
  const expected = open.turns.expect({ turnId: crypto.randomUUID(), content: [{ type: 'text', text: 'go on' }] });
  return { ...open, expected, own: read(expected.turn.out.iterable) };
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

test('TURN-21: a prompt that was submitted with text before it is reported with that text, and gets its answer', async () => {
  const { turn, expected, own, unprompted, take } = openExpecting();
  turn.noteTyped(expected);
  await take(typed('never go on'), answer('as you say'), ended);
  const events = await own;
  expect(ofType(events, 'notice')).toMatchObject([{ code: 'prompt_with_other_words' }]);
  expect(ofType(events, 'user_message')).toMatchObject([{ content: [{ text: 'never go on' }] }]);
  expect(ofType(events, 'agent_message')).toHaveLength(1);
  expect(ofType(events, 'turn_finished')).toMatchObject([{ outcome: 'completed' }]);
  expect(unprompted).toEqual([]);
});

test('TURN-21: someone else’s prompt with the same ending, submitted before this one was typed, stays theirs', async () => {
  const { turn, expected, own, unprompted, take } = openExpecting();
  await take(typed('never go on'), answer('as you say'), ended);
  expect(unprompted).toHaveLength(1);
  turn.noteTyped(expected);
  await take(typed('go on'), answer('going'), ended);
  expect(ofType(await own, 'notice')).toEqual([]);
});

test('TURN-21: a prompt that was replaced by other text fails, without a sign that the agent received it', async () => {
  const { turn, turns, expected, own, unprompted, take } = openExpecting();
  turn.noteTyped(expected);
  await take(typed('something else'), answer('as you say'), ended);
  expect(await unprompted[0]).toHaveLength(4);
  await turns.rest(expected.turn);
  const events = await own;
  expect(events).toMatchObject([{ type: 'turn_finished', outcome: 'failed', error: { code: 'agent_failed' } }]);
  expect(ofType(events, 'turn_finished')[0]?.isTaken).toBeUndefined();
});

test('TURN-21: a prompt that the program takes into someone else’s turn says so, and is not sent again', async () => {
  const { turn, expected, own, unprompted, take } = openExpecting();
  turn.noteTyped(expected);
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

test('TURN-22: a prompt that someone takes back before the agent said anything is interrupted, and not sent again', async () => {
  const { turn, turns, expected, own, take } = openExpecting();
  turn.noteTyped(expected);
  await take(typed('go on'));
  await turns.rest(expected.turn);
  expect(ofType(await own, 'turn_finished')).toMatchObject([{ outcome: 'interrupted', isTaken: true }]);
});

test('TURN-22: a turn with an answer but no end line is completed', async () => {
  const { turn, turns, expected, own, take } = openExpecting();
  turn.noteTyped(expected);
  await take(typed('go on'), answer('going'));
  await turns.rest(expected.turn);
  expect(ofType(await own, 'turn_finished')).toMatchObject([{ outcome: 'completed' }]);
});

test('TURN-22: a message between turns is no answer to a prompt that is taken back later', async () => {
  const { turn, turns, between, take } = openTurns();
  turns.tell({ type: 'session_info_update', title: 'Named in the terminal' });
  expect(between).toHaveLength(1);
  turn.wait();
  const expected = turns.expect({ turnId: crypto.randomUUID(), content: [{ type: 'text', text: 'go on' }] });
  const own = read(expected.turn.out.iterable);
  turn.noteTyped(expected);
  await take(typed('go on'));
  await turns.rest(expected.turn);
  expect(ofType(await own, 'turn_finished')).toMatchObject([{ outcome: 'interrupted', isTaken: true }]);
});

test('TURN-22: an interrupt that is reported after the end of its turn does not affect the next one', async () => {
  const { turn, expected, own, unprompted, take } = openExpecting();
  turn.noteTyped(expected);
  const interrupted = {
    type: 'user',
    uuid: crypto.randomUUID(),
    message: { role: 'user', content: [{ type: 'text', text: '[Request interrupted by user]' }] },
  };
  await take(typed('go on'), answer('going'), ended, interrupted);
  expect(ofType(await own, 'turn_finished')).toMatchObject([{ outcome: 'completed' }]);
  await take(typed('and then'), answer('done'), ended);
  expect(ofType(await unprompted[0]!, 'turn_finished')).toMatchObject([{ outcome: 'completed' }]);
});

test('TURN-21: a prompt during which someone else starts a turn continues when that turn has ended', async () => {
  const { turn, turns, expected, own, unprompted, take } = openExpecting();
  turn.noteTyped(expected);
  // The program was idle, and its next line is about another turn.
  await Promise.all([take(typed('something else')), turns.rest(expected.turn)]);
  await take(answer('as you say'), ended, typed('go on'), answer('going'), ended);
  expect(ofType(await unprompted[0]!, 'turn_finished')).toMatchObject([{ outcome: 'completed' }]);
  expect(ofType(await own, 'turn_finished')).toMatchObject([{ outcome: 'completed' }]);
});

test('TURN-21: a prompt runs even if a sub-agent asks something while the previous turn is being counted', async () => {
  const { turn, turns, expected, own, unprompted, take } = openExpecting();
  const ask = (): void =>
    turns.tell({
      type: 'decision_requested',
      decisionId: crypto.randomUUID(),
      kind: 'permission',
      title: 'May it?',
      input: {},
      canAllowAlways: false,
      alwaysScope: [],
    });
  ask();
  turn.noteTyped(expected);
  const usage = { input_tokens: 1, output_tokens: 1 };
  const requested = answer('working');
  const taking = take({ ...requested, requestId: 'r1', message: { ...requested.message, usage } }, typed('go on'));
  await expect.poll(() => turns.requests.isEmpty).toBe(false);
  turns.endDecisions('completed');
  ask();
  await taking;
  expect(turn.phase.is).toBe('running');
  await take(answer('going'), ended);
  expect(ofType(await own, 'turn_finished')).toMatchObject([{ outcome: 'completed' }]);
  expect(unprompted).toHaveLength(2);
  for (const events of unprompted) expect(ofType(await events, 'turn_finished')).toHaveLength(1);
});
