import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newChat } from '../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import type { EventBody } from '../protocol/event.ts';
import { insertChat, listChats, toChatRows } from './chats.ts';
import { appendEvents, type Lease } from './events.ts';
import { insertHost } from './hosts.ts';
import { insertImport } from './imports.ts';
import { claimLease } from './leases.ts';
import { endOfPage, listUnsigned, readSpoken, savePage, type Signed, type Unsigned } from './search-index.ts';
import { pageOf, piecesIn, signatureOf } from './search-signature.ts';

let database: TestDatabase;
const hostId = randomUUID();
beforeAll(async () => {
  database = await createTestDatabase();
  await insertHost(database.sql, { id: hostId, machine: 'here', pid: 1, pidStarted: 'then', version: '0' });
});
afterAll(() => database.drop());

async function openChat(): Promise<Lease> {
  const { id } = await insertChat(database.sql, newChat({ title: 'Chat' }));
  return (await claimLease(database.sql, id, hostId, 60_000))!;
}

const say = (lease: Lease, texts: string[], type = 'agent_message') =>
  appendEvents(database.sql, lease, {
    events: texts.map((text) => ({ body: { type, content: [{ type: 'text', text }] } as unknown as EventBody })),
  });

/** A page that is always looked at. */
const save = (sql: typeof database.sql, chatId: string, upTo: number, signed: Signed[]) =>
  savePage(sql, chatId, upTo, { signed, pieces: pageOf([null]) });

async function unsigned(chatId: string): Promise<Unsigned | undefined> {
  return (await listUnsigned(database.sql, 100)).find((each) => each.chatId === chatId);
}

test('WEB-6: the log is read from where its signatures end, in pages that skip what holds no text of the conversation', async () => {
  const { sql } = database;
  const lease = await openChat();
  const { chatId } = lease;
  expect(await unsigned(chatId)).toBeUndefined();
  await say(lease, ['a'], 'prompt_accepted');
  await say(lease, ['hidden'], 'agent_thought');
  await say(lease, ['b'], 'user_message');
  await say(lease, ['c'], 'incoming_message');
  await say(lease, ['d']);
  const all = { chatId, done: 0, head: 5 };
  expect(await unsigned(chatId)).toEqual(all);
  const page = await readSpoken(sql, all);
  expect(page.map(({ seq, count }) => [seq, count])).toEqual([1, 3, 4, 5].map((seq) => [seq, 4]));
  expect(JSON.parse(page[0]!.payload)).toEqual({ type: 'prompt_accepted', content: [{ type: 'text', text: 'a' }] });
  expect((await readSpoken(sql, { ...all, done: 3 })).map(({ seq }) => seq)).toEqual([4, 5]);

  await save(sql, chatId, 3, [
    { seq: 1, signature: Buffer.from([1, 2]) },
    { seq: 3, signature: null },
  ]);
  expect(await unsigned(chatId)).toEqual({ ...all, done: 3 });
  // As by another host, which is behind.
  await save(sql, chatId, 2, [{ seq: 1, signature: Buffer.from([9]) }]);
  expect(await unsigned(chatId)).toEqual({ ...all, done: 3 });
  const rows = await sql`
    select seq, encode(signature, 'hex') as bits from boocode.search_signatures where chat_id = ${chatId} order by seq`;
  expect(rows).toEqual([
    { seq: 1, bits: '0102' },
    { seq: 3, bits: null },
  ]);
  await save(sql, chatId, 5, []);
  expect(await unsigned(chatId)).toBeUndefined();
  await save(sql, randomUUID(), 5, [{ seq: 1, signature: null }]);
});

test('unfinished imports get no signatures yet; of the others, the newest chats come first', async () => {
  const importing = newChat();
  await insertImport(database.sql, importing, randomUUID());
  await database.sql`update boocode.chats set next_seq = 5 where id = ${importing.id}`;
  expect(await unsigned(importing.id)).toBeUndefined();
  const [older, newer] = [await openChat(), await openChat()];
  for (const lease of [older, newer]) await say(lease, ['x']);
  const first = await listUnsigned(database.sql, 1);
  expect(first.map(({ chatId }) => chatId)).toEqual([newer.chatId]);
});

test('a page holds few bytes or one larger event, and at most 500 events; the next one begins after it', async () => {
  const lease = await openChat();
  const { chatId } = lease;
  // Random, so that Postgres cannot compress it.
  const large = Array.from({ length: 2500 }, () => randomUUID()).join('');
  await say(lease, [large, 'small', large, large]);
  await say(
    lease,
    Array.from({ length: 600 }, () => 'x'),
  );
  let at = (await unsigned(chatId))!;
  const pages: number[][] = [];
  while (at.done < at.head) {
    const page = await readSpoken(database.sql, at);
    pages.push(page.map(({ seq }) => seq));
    at = { ...at, done: endOfPage(at, page) };
  }
  expect(pages.flat()).toEqual(Array.from({ length: 604 }, (_, index) => index + 1));
  expect(pages.map((page) => page.length)).toEqual([3, 500, 101]);
});

test('a page ends with its last event if more follow in its range, and otherwise with the range', () => {
  const at = { chatId: 'c', done: 10, head: 2000 };
  expect(endOfPage(at, [])).toBe(510);
  expect(endOfPage(at, [{ seq: 12, count: 1 }])).toBe(510);
  expect(endOfPage(at, [{ seq: 12, count: 2 }])).toBe(12);
  expect(endOfPage({ ...at, head: 100 }, [{ seq: 12, count: 1 }])).toBe(100);
});

test.each(['in the log', 'by signatures'])('WEB-6: any letters are found whatever their case, %s', async (how) => {
  const lease = await openChat();
  const finds = async (q: string): Promise<boolean> =>
    (await listChats(database.sql, { before: null, limit: 100, q })).some(({ id }) => id === lease.chatId);
  const texts = ['Ärger 100%_a\\b', 'ÜBER alles', 'élan', '灯台'];
  await say(lease, texts);
  if (how === 'by signatures') {
    const signed = texts.map((text, index) => ({ seq: index + 1, signature: signatureOf(piecesIn([text])) }));
    await save(database.sql, lease.chatId, texts.length, signed);
  }
  for (const q of ['Ärger', 'ärger', 'über', 'Über', 'ÉLAN', 'Élan', '台', '100%_A\\B', 'rger']) {
    expect([q, await finds(q)]).toEqual([q, true]);
  }
  for (const q of ['arger', '100_', '1%0', 'a\\\\b', 'ober']) expect([q, await finds(q)]).toEqual([q, false]);
});

test('WEB-6: a text that a signature says nothing about, such as a lone dot above, is looked for everywhere', async () => {
  const { id } = await insertChat(database.sql, newChat({ title: 'i\u0307' }));
  const found = toChatRows(await listChats(database.sql, { before: null, limit: 100, q: '\u0307' }));
  expect(found.map((chat) => chat.id)).toEqual([id]);
});

test('WEB-6: an event whose signature lacks a bit of the text is not read, unless nothing can be said about the text', async () => {
  const { sql } = database;
  const lease = await openChat();
  await say(lease, ['zeppelin i\u0307']);
  const finds = async (q: string): Promise<boolean> =>
    (await listChats(sql, { before: null, limit: 100, q })).some(({ id }) => id === lease.chatId);
  await save(sql, lease.chatId, 1, [{ seq: 1, signature: Buffer.from([0]) }]);
  expect([await finds('zeppelin'), await finds('\u0307')]).toEqual([false, true]);
});

test('DATA-28: a chat none of whose pages has all pieces of the text is not looked at, until a host that makes no pages has indexed more', async () => {
  const { sql } = database;
  const lease = await openChat();
  await say(lease, ['a zeppelin', 'nothing else']);
  const finds = async (q: string): Promise<boolean> =>
    (await listChats(sql, { before: null, limit: 100, q })).some(({ id }) => id === lease.chatId);
  const signed: Signed[] = [1, 2].map((seq) => ({ seq, signature: null }));
  await savePage(sql, lease.chatId, 1, { signed: signed.slice(0, 1), pieces: pageOf([piecesIn(['balloon'])]) });
  await savePage(sql, lease.chatId, 2, { signed, pieces: pageOf([piecesIn(['nothing else'])]) });
  expect([await finds('zeppelin'), await finds('Nothing Else'), await finds('ing')]).toEqual([false, true, true]);
  await sql`update boocode.search_progress set paged = 1 where chat_id = ${lease.chatId}`;
  expect(await finds('zeppelin')).toBe(true);
  expect(await unsigned(lease.chatId)).toEqual({ chatId: lease.chatId, done: 1, head: 2 });
});

test('DATA-28: a page with a text that is too long to be indexed is always looked at, and one without texts is not kept', async () => {
  const { sql } = database;
  const lease = await openChat();
  await say(lease, ['a zeppelin']);
  await savePage(sql, lease.chatId, 1, { signed: [], pieces: pageOf([]) });
  expect(await sql`select from boocode.search_pages where chat_id = ${lease.chatId}`).toHaveLength(0);
  expect(await unsigned(lease.chatId)).toBeUndefined();
  await savePage(sql, lease.chatId, 1, { signed: [{ seq: 1, signature: null }], pieces: pageOf([[7], null]) });
  const found = await listChats(sql, { before: null, limit: 100, q: 'zeppelin' });
  expect(found.map(({ id }) => id)).toContain(lease.chatId);
});
