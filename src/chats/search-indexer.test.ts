import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { newChat } from '../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { BooError } from '../protocol/error.ts';
import { insertChat, listChats } from '../store/chats.ts';
import { openDatabase } from '../store/database.ts';
import { SlowLane } from '../store/slow-lane.ts';
import { SearchIndexer } from './search-indexer.ts';

let database: TestDatabase;
let slow: SlowLane;
let clock: ManualClock;
let warnings: { facts: object; message: string }[];
beforeAll(async () => {
  database = await createTestDatabase();
  slow = new SlowLane(openDatabase(database.url, { max: 2, oneAtATime: true }));
});
afterAll(async () => {
  await slow.sql.end();
  await database.drop();
});
beforeEach(() => {
  clock = new ManualClock();
  warnings = [];
});

const logger = {
  debug() {},
  info() {},
  warn: (facts: object, message: string) => void warnings.push({ facts, message }),
  error() {},
};
const create = (lane: Pick<SlowLane, 'ask'> = slow): SearchIndexer =>
  new SearchIndexer({ slow: lane as SlowLane, clock, logger });

/** A chat with these events, each of which somebody said. */
async function chatOf(...contents: unknown[]): Promise<string> {
  const { id } = await insertChat(database.sql, newChat());
  await say(id, 0, ...contents);
  return id;
}

async function say(id: string, after: number, ...contents: unknown[]): Promise<void> {
  const payloads = contents.map((content) => JSON.stringify({ content }));
  await database.sql`
    insert into boocode.events (chat_id, seq, type, payload)
    select ${id}, ${after} + ordinal, 'agent_message', text::json
    from unnest(${payloads}::text[]) with ordinality as said (text, ordinal)`;
  await database.sql`update boocode.chats set next_seq = ${after + contents.length + 1} where id = ${id}`;
}

async function signedIn(id: string): Promise<number[]> {
  const rows = await database.sql<{ seq: number }[]>`
    select seq from boocode.search_signatures where chat_id = ${id} order by seq`;
  return rows.map(({ seq }) => seq);
}
const text = (said: string) => [{ type: 'text', text: said }];
const secondsLeft = (): number => (clock.nextMs ?? NaN) / 1_000;

test('WEB-6: the indexer signs what is there when it starts, and every 30 seconds what is new', async () => {
  const image = [{ type: 'image', text: 1 }, { type: 'image' }];
  const id = await chatOf(text('hello'), image, undefined, [...image, ...text('more')]);
  const indexer = create();
  indexer.start();
  await until(() => clock.nextMs !== null);
  expect(await signedIn(id)).toEqual([1, 4]);
  expect(secondsLeft()).toBe(30);
  await say(id, 4, text('new'));
  clock.advance(29_999);
  expect(secondsLeft()).toBe(0.001);
  clock.advance(1);
  await until(() => clock.nextMs !== null);
  expect(await signedIn(id)).toEqual([1, 4, 5]);
  await indexer.stop();
  await indexer.stop();
  expect(clock.nextMs).toBeNull();
  expect(warnings).toEqual([]);
});

test('WEB-6: the indexer signs all events of a long log, and all of many chats', async () => {
  const long = await chatOf(...Array.from({ length: 501 }, () => text('hi')));
  await database.sql`
    insert into boocode.chats (id, cwd, agent, backend, next_seq)
    select gen_random_uuid(), '/many', 'claude', 'claude_sdk', 2 from generate_series(1, 101)`;
  await database.sql`
    insert into boocode.events (chat_id, seq, type, payload)
    select id, 1, 'agent_message', '{"content":[{"text":"hi"}]}' from boocode.chats where cwd = '/many'`;
  await create().catchUp();
  expect(await signedIn(long)).toHaveLength(501);
  const left = await database.sql`
    select from boocode.chats where cwd = '/many'
      and not exists (select from boocode.search_signatures where chat_id = chats.id)`;
  expect(left).toHaveLength(0);
});

test.each(['in the log', 'by the index'])(
  'WEB-6: what a tool returned is found, %s, and what it was given is not',
  async (how) => {
    const { id } = await insertChat(database.sql, newChat());
    const returned = [
      { type: 'content', content: { type: 'text', text: 'ECONNREFUSED 灯台' } },
      { type: 'diff', path: 'x' },
    ];
    const events = [
      ['tool_call', { title: 'curl', rawInput: { command: 'zeppelin' } }],
      ['tool_call_update', { content: returned, rawOutput: { hidden: 'balloon' } }],
    ] as const;
    for (const [at, [type, payload]] of events.entries()) {
      await database.sql`
      insert into boocode.events (chat_id, seq, type, payload)
      values (${id}, ${at + 1}, ${type}, ${JSON.stringify({ type, ...payload })}::text::json)`;
    }
    await database.sql`update boocode.chats set next_seq = 3 where id = ${id}`;
    if (how === 'by the index') await create().catchUp();
    const finds = async (q: string): Promise<boolean> =>
      (await listChats(database.sql, { before: null, limit: 100, q })).some((chat) => chat.id === id);
    const found = await Promise.all(['econnrefused', '灯台', 'zeppelin', 'balloon', 'diff'].map(finds));
    expect(found).toEqual([true, true, false, false, false]);
  },
);

test('DATA-28: after the indexer has caught up, nothing is left for a search to read through', async () => {
  await chatOf(text('something new'));
  await create().catchUp();
  expect(await database.sql`select gin_clean_pending_list('boocode.search_pages_pieces')::int as pages`).toEqual([
    { pages: 0 },
  ]);
});

test('WEB-6: an indexer that fails says so, and tries again after 30 seconds', async () => {
  const err = new BooError('storage_unavailable', 'Not now.');
  let failures = 1;
  const indexer = create({
    ask: (question, options) => ((failures -= 1) >= 0 ? Promise.reject(err) : slow.ask(question, options)),
  });
  indexer.start();
  await until(() => clock.nextMs !== null);
  expect(warnings).toEqual([
    { facts: { err }, message: 'New events were not indexed for searching; they are found all the same.' },
  ]);
  const id = await chatOf(text('hello'));
  clock.advance(30_000);
  await until(() => clock.nextMs !== null);
  expect(await signedIn(id)).toEqual([1]);
  expect(warnings).toHaveLength(1);
  await indexer.stop();
});

test('WEB-6: an indexer that is stopped while it works ends its query, and neither complains nor comes back', async () => {
  const gate = createGate();
  const signals: (AbortSignal | undefined)[] = [];
  const indexer = create({
    async ask(question, options) {
      signals.push(options?.signal);
      if (signals.length === 2) await gate.pass();
      return slow.ask(question, options);
    },
  });
  await chatOf(text('hello'));
  indexer.start();
  await gate.reached;
  const stopped = indexer.stop();
  gate.open();
  await stopped;
  expect(signals.map((signal) => signal?.aborted)).toEqual([true, true]);
  expect(warnings).toEqual([]);
  expect(clock.nextMs).toBeNull();
});
