import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { anActor } from '../../test/support/owners-chats.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, said, ScriptedBackend } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import { decision } from '../protocol/decision.ts';
import { event, type EventType } from '../protocol/event.ts';
import type { Actor, DoneBy } from '../protocol/principal.ts';

// Two different principals.
const actorNamed = (name: string): Actor => ({
  principal: { id: name.toLowerCase(), name, role: 'owner' },
  via: `the client of ${name}`,
});
const anna = actorNamed('Anna');
const ben = actorNamed('Ben');
const done = (actor: Actor): Required<DoneBy> => ({ by: actor.principal.name, ...actor });
const byNobody = { by: undefined, principal: undefined, via: undefined };

let database: TestDatabase;
let here: ChatsHost;
let infos: { facts: object; message: string }[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  infos = [];
  const info = (facts: object, message: string): void => void infos.push({ facts, message });
  const logger = { debug() {}, info, warn() {}, error() {} };
  here = await openChatsHost(database.url, { logger, other: new ScriptedBackend(undefined, 'claude_pty') });
});
afterEach(() => here.close());

async function doersOf(chatId: string, type: EventType): Promise<DoneBy[]> {
  const events = (await here.log(chatId)).filter((each) => each.type === type) as unknown as DoneBy[];
  return events.map(({ by, principal, via }) => ({ by, principal, via }));
}

test('WHO-3: a prompt’s event, row and entry in the list of waiting prompts say who sent it', async () => {
  const gate = createGate();
  here.backend.script = async function* () {
    await gate.pass();
    yield finished();
  };
  const { id } = await here.createChat();
  await here.everyones.submitPrompt(anna, id, { id: 'a', content: 'one' });
  await gate.reached;
  await here.everyones.submitPrompt(ben, id, { id: 'b', content: 'two' });
  // Sent again by someone else, it still belongs to the first sender.
  await here.everyones.submitPrompt(anna, id, { id: 'b', content: 'two' });
  expect(await doersOf(id, 'prompt_accepted')).toEqual([done(anna), done(ben)]);
  expect((await here.chats.listPrompts(id)).items).toMatchObject([{ promptId: 'b', ...done(ben) }]);
  const rows = await database.sql<{ actor: string }[]>`
    select actor::text as actor from boocode.prompts where chat_id = ${id} order by seq`;
  expect(rows.map(({ actor }) => JSON.parse(actor) as unknown)).toEqual([anna, ben]);
  gate.open();
  await here.events(id, 'turn_finished', 2);
  // A prompt that starts at once is stored together with its turn.
  await until(async () => (await here.chats.getChat(id)).state === 'ready');
  await here.everyones.submitPrompt(ben, id, { content: 'three' });
  expect((await doersOf(id, 'prompt_accepted'))[2]).toEqual(done(ben));
});

test('WHO-3: edits of waiting prompts and the resumption of a queue say who made them', async () => {
  here.backend.script = async function* () {
    yield { ...finished('failed'), obstacle: { reason: 'billing' } } as ReturnType<typeof finished>;
  };
  const { id } = await here.createChat();
  const gate = createGate();
  here.backend.beforeOpen = () => gate.pass();
  for (const content of ['a', 'b', 'c']) await here.chats.submitPrompt(id, { id: content, content });
  gate.open();
  await here.events(id, 'queue_held');
  await here.everyones.movePrompt(anna, id, 'c', { before: 'b' });
  await here.everyones.cancelPrompt(ben, id, 'b');
  await here.everyones.resumeQueue(anna, id, {});
  expect(await doersOf(id, 'prompts_reordered')).toEqual([done(anna)]);
  expect(await doersOf(id, 'prompt_cancelled')).toEqual([done(ben)]);
  expect(await doersOf(id, 'queue_resumed')).toEqual([done(anna)]);
  // A hold that ends because nothing waits any more is ended by the host.
  await here.events(id, 'queue_held', 2);
  await here.everyones.cancelPrompt(ben, id, 'c');
  expect((await doersOf(id, 'queue_resumed')).slice(1)).toEqual([{ ...byNobody, by: 'host' }]);
});

test('WHO-3: a rename, another setting, trust, a flip and a move say who made them', async () => {
  const { id } = await here.createChat({ title: 'Old' });
  await here.everyones.patchChat(anna, id, { title: 'New' });
  await here.everyones.patchChat(ben, id, { archived: true, permissionMode: 'plan' });
  await here.everyones.giveTrust(anna, id, { digest: '0'.repeat(64) });
  await here.everyones.patchChat(ben, id, { backend: 'claude_pty' });
  await here.everyones.patchChat(anna, id, { cwd: tmpdir(), title: 'Moved' });
  // A flip to the current backend is a plain change.
  await here.everyones.patchChat(ben, id, { backend: 'claude_pty', title: 'Flipped' });
  const doers = [anna, ben, anna, ben, anna, ben].map(done);
  expect(await doersOf(id, 'chat_updated')).toEqual(doers);
});

test('WHO-3: an interrupted turn says who interrupted it first', async () => {
  const gate = createGate();
  here.backend.script = async function* () {
    yield said('I begin.');
    await gate.pass();
    yield finished();
  };
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'one' });
  await gate.reached;
  // The agent takes its time, so that both interrupts arrive before the turn has ended.
  const interrupt = here.backend.interrupt.bind(here.backend);
  const slow = createGate();
  let asked = 0;
  here.backend.interrupt = async (session) => {
    asked += 1;
    await slow.pass();
    await interrupt(session);
  };
  const first = here.everyones.interrupt(anna, id);
  await slow.reached;
  const second = here.everyones.interrupt(ben, id);
  await until(() => asked === 2);
  slow.open();
  await Promise.all([first, second]);
  await here.events(id, 'turn_finished');

  await until(async () => (await here.chats.getChat(id)).state === 'ready');
  await here.chats.submitPrompt(id, { content: 'two' });
  await here.events(id, 'agent_message', 2);
  await here.everyones.patchChat(ben, id, { backend: 'claude_pty', running: 'interrupt' });
  expect(await here.events(id, 'turn_finished', 2)).toMatchObject([
    { outcome: 'interrupted', ...done(anna) },
    { outcome: 'interrupted', ...done(ben) },
  ]);
});

test('WHO-3: a turn interrupted while its agent was starting says who interrupted it', async () => {
  const gate = createGate();
  here.backend.beforeOpen = () => gate.pass();
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'never' });
  await gate.reached;
  await here.everyones.interrupt(anna, id);
  gate.open();
  await here.events(id, 'turn_finished');
  expect(await doersOf(id, 'turn_finished')).toEqual([done(anna)]);
});

test('WHO-4: a turn that ends in any other way names nobody, not even when the host stops', async () => {
  const gate = createGate();
  here.backend.script = async function* (turn) {
    yield said('I begin.');
    // As when somebody presses Escape in the program's own terminal.
    if (turn.text === 'terminal') return yield finished('interrupted');
    await gate.pass();
    yield finished();
  };
  const { id } = await here.createChat();
  await here.everyones.submitPrompt(anna, id, { content: 'terminal' });
  await here.events(id, 'turn_finished');
  await here.everyones.submitPrompt(anna, id, { content: 'stopped' });
  await gate.reached;
  await here.host.drain();
  expect(await doersOf(id, 'turn_finished')).toEqual([byNobody, byNobody]);
});

test('WHO-2 WHO-3 WHO-4: a decision says which person answered it, or that nobody did', async () => {
  here.backend.script = async function* (turn) {
    yield* turn.ask({});
    yield finished();
  };
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'one' });
  const [asked] = await here.events(id, 'decision_requested');
  // Clients that call themselves by another person's name, or by a word for something that is not a person.
  const posing = { ...anna, via: 'Ben' };
  const answered = await here.everyones.answerDecision(posing, asked!.decisionId, { outcome: 'allow' });
  expect(answered).toMatchObject(done(posing));
  await here.events(id, 'turn_finished');
  const late = here.everyones.answerDecision({ ...ben, via: 'agent' }, asked!.decisionId, { outcome: 'deny' });
  await expect(late).rejects.toThrow('This was already settled: allow by Anna via Ben.');

  await here.chats.submitPrompt(id, { content: 'two' });
  const [, open] = await here.events(id, 'decision_requested', 2);
  await here.everyones.interrupt(ben, id);
  await here.events(id, 'turn_finished', 2);
  expect(await doersOf(id, 'decision_resolved')).toEqual([done(posing), { ...byNobody, by: 'agent' }]);
  const { items } = await here.chats.listDecisions({ chatId: id, limit: 2 });
  expect(items).toMatchObject([done(posing), { id: open!.decisionId, by: 'agent', principal: null, via: null }]);
});

test('WHO-3: a rewind says who made it', async () => {
  Object.assign(here.agent, { rewindSession: () => Promise.resolve({ worktree: null }) });
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { id: 'p', content: 'one' });
  await here.events(id, 'turn_finished');
  await here.everyones.rewind(anna, id, { before: 'p' });
  expect(await doersOf(id, 'session_rewound')).toEqual([done(anna)]);
});

test('WHO-3: the log line about a deleted chat says who deleted it', async () => {
  const { id } = await here.createChat();
  await here.everyones.deleteChat(anna, id);
  expect(infos.filter(({ message }) => message === 'A chat was deleted.')).toEqual([
    { message: 'A chat was deleted.', facts: { chatId: id, principal: 'anna', by: 'Anna', via: anna.via } },
  ]);
});

test('WHO-4: what was stored before principals existed is read unchanged', async () => {
  const { id } = await here.createChat();
  const decisionId = randomUUID();
  const bodies = [
    { type: 'prompt_accepted', promptId: 'p', content: [] },
    { type: 'decision_resolved', decisionId, outcome: 'allow', by: 'web (Firefox)' },
    { type: 'queue_resumed', by: 'cli' },
    { type: 'chat_updated', title: 'Old' },
  ];
  const payloads = bodies.map((body) => JSON.stringify(body));
  await database.sql`
    insert into boocode.events (chat_id, seq, type, payload)
    select ${id}, ordinal, text::json ->> 'type', text::json
    from unnest(${payloads}::text[]) with ordinality as old (text, ordinal)`;
  await database.sql`
    insert into boocode.decisions (id, chat_id, kind, title, input, outcome, resolved_at, resolved_by, answer)
    values (${decisionId}, ${id}, 'permission', 'ls', '{}', 'allow', now(), 'web (Firefox)', '{}')`;
  await database.sql`
    insert into boocode.prompts (chat_id, id, seq, content, content_hash) values (${id}, 'p', 1, '[]', '')`;
  const log = await here.log(id);
  expect(log.map((each) => event.parse(each))).toMatchObject(bodies);
  for (const each of log) expect(each).not.toHaveProperty('principal');
  const [old] = (await here.chats.listDecisions({ chatId: id, limit: 1 })).items;
  expect(decision.parse(old)).toMatchObject({ by: 'web (Firefox)', principal: null, via: null });
  expect((await here.chats.listPrompts(id)).items).toEqual([{ promptId: 'p', seq: 1, content: [] }]);
  await here.everyones.deleteChat(anActor, id);
});
