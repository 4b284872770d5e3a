import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newChat } from '../../test/support/new-chat.ts';
import { anActor } from '../../test/support/owners-chats.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import type { Agent, AgentDirectory } from '../agents/agent.ts';
import { createForkReader } from '../agents/claude/files/fork-transcript.ts';
import type { ForkChat } from '../protocol/chat.ts';
import type { Event, EventBody } from '../protocol/event.ts';
import { noUsage } from '../protocol/usage.ts';
import { openAgentSession } from '../store/agent-sessions.ts';
import { chatSessionStore } from '../store/chat-session-store.ts';
import { type ChatRow, findChat, insertChat } from '../store/chats.ts';
import { appendEvents, type Lease, readEvents } from '../store/events.ts';
import { listDecisions } from '../store/decisions.ts';
import { findPrompt, insertPrompt, readWaitingPrompts } from '../store/prompts.ts';
import { markRewound, readPromptsFrom } from '../store/rewinds.ts';
import { SlowLane } from '../store/slow-lane.ts';
import { finishTurn, insertTurn, takePrompt } from '../store/turns.ts';
import { forkChat, type ForkParts } from './fork.ts';

let database: TestDatabase;
let lease: Lease;
let session: string;
let agent: Partial<Agent>;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  agent = {
    label: 'Claude',
    foldSummary: (_, key) => ({ sessionId: key.sessionId, mtime: 0, data: {} }),
    createForkReader,
  };
  const { id } = await insertChat(database.sql, newChat({ title: 'Parent' }));
  lease = { chatId: id, hostId: randomUUID(), epoch: 0, nextSeq: 1 };
  session = randomUUID();
  await openAgentSession(database.sql, lease, { agent: 'claude', backend: 'claude_sdk', sessionId: session });
});

const append = (...bodies: EventBody[]): Promise<Event[]> =>
  appendEvents(database.sql, lease, { events: bodies.map((body) => ({ body })) });
const store = (entries: Parameters<ReturnType<typeof chatSessionStore>['append']>[1], subpath?: string) =>
  chatSessionStore(database.sql, lease, agent.foldSummary!).append(
    { projectKey: 'x', sessionId: session, ...(subpath === undefined ? {} : { subpath }) },
    entries,
  );
const parts = (): ForkParts => ({
  slow: new SlowLane(database.sql),
  agents: { agentFor: () => agent } as unknown as AgentDirectory,
  isolate: () => Promise.reject(new Error('There is no repository.')),
});
const fork = (asked: ForkChat = {}, chatId = lease.chatId): Promise<ChatRow> =>
  findChat(database.sql, chatId).then((row) => forkChat(parts(), anActor, row!, asked));
const log = (chatId: string): Promise<Event[]> => readEvents(database.sql, chatId, { after: 0, limit: 1000 });
const said = (chatId: string) => database.sql<{ text: string; session: string }[]>`
  select entry -> 'message' ->> 'content' as text, entry ->> 'sessionId' as session from boocode.claude_session_entries
  where project_key = ${chatId} and subpath = '' order by ordinal`;
const accept = (id: string) =>
  appendEvents(database.sql, lease, {
    events: [{ body: { type: 'prompt_accepted', promptId: id, content: [] } }],
    side: (db) => [insertPrompt(db, lease, { id, content: [], actor: anActor })],
  });

interface Spoken {
  prompt?: string;
  answer?: string;
  end?: Partial<EventBody & { type: 'turn_finished' }>;
  /** The name of a sub-agent that the turn had. */
  subAgent?: string;
}

let lastWritten = Date.UTC(2026, 0, 1);
const nextTimestamp = (): string => new Date((lastWritten += 1)).toISOString();

/** A turn that has ended. Returns the seq of its end. */
async function run({
  prompt = randomUUID(),
  answer = `answer to ${prompt}`,
  end = {},
  subAgent,
}: Spoken = {}): Promise<number> {
  const turnId = randomUUID();
  await accept(prompt);
  await appendEvents(database.sql, lease, {
    events: [{ turnId, body: { type: 'turn_started', turnId, promptIds: [prompt] } }],
    side: (db) => [insertTurn(db, lease, turnId), takePrompt(db, lease, { promptId: prompt, turnId, starts: 1 })],
  });
  const written = { uuid: turnId, sessionId: session, timestamp: nextTimestamp() };
  const below = { type: 'user', uuid: randomUUID(), sessionId: session, timestamp: nextTimestamp() };
  // Each transcript is stored for itself, in any order.
  if (subAgent !== undefined) await store([{ type: 'agent_metadata', agentType: 'x' }, below], subAgent);
  await store([
    { type: 'queue-operation', sessionId: session, operation: 'enqueue' },
    { type: 'user', ...written, message: { role: 'user', content: prompt } },
    {
      type: 'assistant',
      uuid: randomUUID(),
      sessionId: session,
      timestamp: nextTimestamp(),
      message: { role: 'assistant', content: [{ type: 'text', text: answer }] },
    },
  ]);
  const [finished] = await appendEvents(database.sql, lease, {
    events: [
      { turnId, body: { type: 'session_started', sessionId: session, backend: 'claude_sdk', model: null } },
      { turnId, body: { type: 'agent_message', messageId: 'm/0', content: [{ type: 'text', text: answer }] } },
      { turnId, body: { type: 'turn_finished', turnId, outcome: 'completed', usage: noUsage, costUsd: 1, ...end } },
    ].map((event) => event as { turnId: string; body: EventBody }),
    side: (db) => [finishTurn(db, { id: turnId, outcome: 'completed', usage: noUsage, costUsd: 1 })],
  }).then((events) => events.slice(-1));
  await store([{ type: 'cost-state', sessionId: session, totalCostUSD: 1 }]);
  return finished!.seq;
}

describe('FORK-2: the agent of a fork', () => {
  test('FORK-3: has the sub-agents of those turns, and none of a later one', async () => {
    const at = await run({ subAgent: 'subagents/one' });
    await run({ subAgent: 'subagents/two' });
    const row = await fork({ at });
    const copied = await database.sql`
      select distinct subpath from boocode.claude_session_entries where project_key = ${row.id} and subpath > ''`;
    expect(copied).toEqual([{ subpath: 'subagents/one' }]);
  });

  test('knows every turn up to there; what a turn later left in its transcript is not copied', async () => {
    await run({ prompt: 'one' });
    const at = await run({ prompt: 'two' });
    await run({ prompt: 'three' });
    const row = await fork({ at });
    const entries = await said(row.id);
    expect(entries.map(({ text }) => text)).toEqual(['one', expect.any(String), 'two', expect.any(String)]);
    expect(new Set(entries.map((entry) => entry.session)).size).toBe(1);
    expect(entries[0]?.session).not.toBe(session);
  });

  test('knows what a fork of a fork needs, also before the first one', async () => {
    const first = await run({ prompt: 'one' });
    const second = await run({ prompt: 'two' });
    const one = await fork({ at: second });
    const two = await fork({ at: first }, one.id);
    expect((await said(two.id)).map(({ text }) => text)).toEqual(['one', expect.any(String)]);
    expect(two).toMatchObject({ title: 'Parent (fork) (fork)', forkedFrom: { chatId: one.id, seq: first } });
    expect((await log(two.id)).at(-1)).toMatchObject({ type: 'chat_forked', from: { chatId: one.id, seq: first } });
  });

  test('knows what was said before the session was cleared, and not what was said since', async () => {
    const before = await run({ prompt: 'one' });
    session = randomUUID();
    const after = await run({ prompt: 'two' });
    expect((await said((await fork({ at: before })).id)).map(({ text }) => text)).toEqual(['one', expect.any(String)]);
    const cleared = await fork({ at: after });
    expect((await said(cleared.id)).map(({ text }) => text)).toEqual(['two', expect.any(String)]);
    // The copy has only the later session.
    await expect(fork({ at: before }, cleared.id)).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'at: The agent’s session does not have this turn any more, so it cannot be continued from there.',
    });
  });

  test('has the sub-agents and files of its time, whatever characters they contain', async () => {
    await store([{ type: 'user', uuid: 'a', sessionId: session, text: '\u0000 \ud800' }], 'subagents/agent-1');
    const at = await run({ prompt: 'one' });
    const file = (name: string) => database.sql`
      insert into boocode.side_files (chat_id, session_id, name, size, changed_at, content)
      values (${lease.chatId}, ${session}, ${name}, 1, clock_timestamp(), 'x')`;
    await file('session/tool-results/old.txt');
    await run({ prompt: 'two' });
    await file('session/tool-results/new.txt');
    await store([{ type: 'user', uuid: 'b', sessionId: session }], 'subagents/agent-2');
    const { id } = await fork({ at });
    const names = await database.sql`select name from boocode.side_files where chat_id = ${id}`;
    expect(names.map(({ name }) => name as string)).toEqual(['session/tool-results/old.txt']);
    const [only, ...others] = await database.sql<{ subpath: string; json: string }[]>`
      select subpath, entry::text as json from boocode.claude_session_entries where project_key = ${id} and subpath > ''`;
    expect(others).toEqual([]);
    expect(JSON.parse(only!.json)).toMatchObject({ text: '\u0000 \ud800' });
  });
});

test('FORK-1: a long title is cut for its mark, between two characters', async () => {
  await run();
  await database.sql`update boocode.chats set title = ${'😀'.repeat(100)} where id = ${lease.chatId}`;
  const { title } = await fork();
  expect(title).toBe(`${'😀'.repeat(96)}… (fork)`);
  expect((await fork({ title: 'Mine' })).title).toBe('Mine');
  await database.sql`update boocode.chats set title = null where id = ${lease.chatId}`;
  expect((await fork()).title).toBeNull();
});

test('FORK-5: cost and tokens start at zero, and so does the agent’s own count', async () => {
  await run();
  const row = await fork();
  expect(row).toMatchObject({ costUsd: 0, tokensIn: 0, tokensOut: 0 });
  const [counted] = await database.sql`
    select counted_usage::text as counted, cost_usd from boocode.agent_sessions where chat_id = ${row.id}`;
  expect(counted).toEqual({ counted: '{}', cost_usd: 0 });
  const [{ count }] = await database.sql<[{ count: number }]>`
    select count(*) from boocode.claude_session_entries where project_key = ${row.id} and entry::text like '%cost-state%'`;
  expect(count).toBe(0);
});

describe('FORK-6: a fork', () => {
  test('that fails at its last step leaves nothing', async () => {
    await run();
    await store([{ type: 'user', uuid: 'a', sessionId: session }], 'subagents/agent-1');
    await database.sql`
      insert into boocode.side_files (chat_id, session_id, name, size, changed_at, content)
      values (${lease.chatId}, ${session}, 'session/x', 1, clock_timestamp(), 'x')`;
    const count = async (): Promise<unknown> =>
      database.sql`select
        (select count(*) from boocode.chats) as chats, (select count(*) from boocode.events) as events,
        (select count(*) from boocode.claude_session_entries) as entries, (select count(*) from boocode.prompts) as prompts`;
    const before = await count();
    await database.sql.unsafe(`
      create function boocode.fail() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
      create trigger fail before insert on boocode.side_files execute function boocode.fail()`);
    await expect(fork()).rejects.toThrow('no');
    await database.sql.unsafe(`drop trigger fail on boocode.side_files; drop function boocode.fail()`);
    expect(await count()).toEqual(before);
    await fork();
  });

  test('of a chat that is deleted at that moment does not exist', async () => {
    await run();
    const row = await findChat(database.sql, lease.chatId);
    await database.sql`update boocode.chats set importing_session = ${randomUUID()} where id = ${lease.chatId}`;
    await expect(forkChat(parts(), anActor, row!, {})).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('FORK-8: a fork is refused', () => {
  const refused = (message: string) => ({ code: 'invalid_request', message, details: { field: 'at' } });

  test('where no turn ends, in words', async () => {
    await expect(fork()).rejects.toMatchObject(refused('at: The chat has no answer yet, so there is nothing to fork.'));
    await accept('waiting');
    const at = await run();
    for (const wrong of [1, at - 1, at + 1]) {
      await expect(fork({ at: wrong })).rejects.toMatchObject(
        refused('at: A chat can only be forked at the end of a turn: the seq of a `turn_finished`.'),
      );
    }
  });

  test('at a turn that waits for an answer, or whose prompt never arrived', async () => {
    const open = await run({ end: { openDecisionIds: [randomUUID()] } });
    await expect(fork({ at: open })).rejects.toMatchObject(
      refused('at: This turn waits for an answer to what it asked: fork at the turn that continues it, or before.'),
    );
    const requeued = await run({ end: { requeuedPromptIds: ['x'] } });
    await expect(fork({ at: requeued })).rejects.toMatchObject(
      refused('at: The prompt of this turn never reached the agent: fork before it.'),
    );
  });

  test('if the transcript lacks the turn, or its answer', async () => {
    const at = await run({ prompt: 'one' });
    await run({ prompt: 'two' });
    await database.sql`
      delete from boocode.claude_session_entries
      where project_key = ${lease.chatId} and entry::text like '%answer to one%'`;
    const message = 'at: The agent’s session does not have this turn any more, so it cannot be continued from there.';
    await expect(fork({ at })).rejects.toMatchObject(refused(message));
    await database.sql`delete from boocode.claude_session_entries where project_key = ${lease.chatId}`;
    await expect(fork()).rejects.toMatchObject(refused(message));
  });

  test('for a while if its answer is not stored yet', async () => {
    await run({ prompt: 'one' });
    await database.sql`
      delete from boocode.claude_session_entries
      where project_key = ${lease.chatId} and entry::text like '%answer to one%'`;
    const late = fork();
    await store([
      {
        type: 'assistant',
        uuid: 'late',
        sessionId: session,
        message: { content: [{ type: 'text', text: 'answer to one' }] },
      },
    ]);
    expect(await said((await late).id)).toHaveLength(2);
  });

  test('for an agent that cannot do it', async () => {
    await run();
    delete agent.createForkReader;
    await expect(fork()).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'Chats of Claude cannot be forked.',
    });
  });
});

describe('FORK-9: what was open at the fork', () => {
  test('does not go on in the new chat', async () => {
    await accept('early');
    await accept('cancelled');
    await append({ type: 'prompt_cancelled', promptId: 'cancelled' });
    await append({ type: 'background_tasks', tasks: [{ taskId: 't', kind: 'local_bash', description: 'sleep' }] });
    await append({ type: 'current_directory_update', cwd: '/elsewhere', worktree: null });
    await append({
      type: 'queue_held',
      reason: 'model_error',
      message: 'm',
      resetsAt: null,
      promptId: null,
      sendsAgain: false,
    } as unknown as EventBody);
    const decisionId = randomUUID();
    await database.sql`
      insert into boocode.decisions (id, chat_id, kind, title, input) values (${decisionId}, ${lease.chatId}, 'permission', 't', '{}')`;
    const at = await run({ prompt: 'one' });
    const row = await fork({ at });
    const added = (await log(row.id)).slice(at);
    expect(added).toMatchObject([
      { type: 'prompt_cancelled', promptId: 'early', by: anActor.principal.name },
      { type: 'decision_resolved', decisionId, outcome: 'cancelled', by: 'host' },
      { type: 'queue_resumed', by: 'host' },
      { type: 'background_tasks', tasks: [] },
      { type: 'current_directory_update', cwd: '/', worktree: null },
      { type: 'chat_forked' },
    ]);
    expect(row).toMatchObject({ waitingPrompts: 0, isAsking: false, hold: null, head: at + added.length });
    expect(await readWaitingPrompts(database.sql, row.id)).toEqual([]);
    expect((await findPrompt(database.sql, row.id, 'early'))?.state).toBe('cancelled');
    expect((await findPrompt(database.sql, row.id, 'one'))?.state).toBe('taken');
    expect((await listDecisions(database.sql, { chatId: row.id, after: 0, limit: 9 })).items).toEqual([]);
    // In the other chat it does.
    expect((await readWaitingPrompts(database.sql, lease.chatId)).map(({ id }) => id)).toContain('early');
  });

  test('leaves the new chat’s prompts as they were then: they can be taken back there', async () => {
    await run({ prompt: 'one' });
    const at = await run({ prompt: 'two' });
    await appendEvents(database.sql, lease, {
      events: [{ body: { type: 'session_rewound', promptIds: ['two'], sessionId: session } }],
      side: (db) => [markRewound(db, lease, ['two'])],
    });
    const { id } = await fork({ at });
    expect((await readPromptsFrom(database.sql, id, 'one')).map((prompt) => prompt.id)).toEqual(['one', 'two']);
    expect((await readPromptsFrom(database.sql, lease.chatId, 'one')).map((prompt) => prompt.id)).toEqual(['one']);
  });
});

test('FORK-10: a long chat is copied by the database: of its transcript, only the turn itself is read', async () => {
  await database.sql`
    insert into boocode.events (chat_id, seq, type, payload)
    select ${lease.chatId}, n, 'notice', json_build_object('type', 'notice', 'level', 'info', 'code', 'x', 'message', n::text)
    from generate_series(1, 30000) n`;
  await database.sql`update boocode.chats set next_seq = 30001 where id = ${lease.chatId}`;
  lease.nextSeq = 30_001;
  await database.sql`
    insert into boocode.claude_session_entries (project_key, session_id, uuid, entry)
    select ${lease.chatId}, ${session}, n::text, json_build_object('type', 'user', 'uuid', n::text, 'text', repeat('x', 1000))
    from generate_series(1, 20000) n`;
  await run({ prompt: 'one' });
  let seen = 0;
  agent.createForkReader = (turn) => {
    const reader = createForkReader(turn);
    const take = reader.take.bind(reader);
    reader.take = (...given) => ((seen += 1), take(...given));
    return reader;
  };
  const { id, head } = await fork();
  expect(seen).toBeLessThan(10);
  const [{ count }] = await database.sql<[{ count: number }]>`
    select count(*) from boocode.claude_session_entries where project_key = ${id}`;
  expect(count).toBe(20_002);
  const [{ events }] = await database.sql<[{ events: number }]>`
    select count(*) as events from boocode.events where chat_id = ${id}`;
  expect(events).toBe(head);
});
