import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { type SideFileStore, sideFileLimits } from '../protocol/side-files.ts';
import { chatSideFiles } from './chat-side-files.ts';
import { deleteChat } from './chats.ts';
import type { Lease } from './events.ts';
import { insertHost } from './hosts.ts';
import { claimLease } from './leases.ts';
import { FencedError } from './storage-error.ts';

let database: TestDatabase;
let lease: Lease;
let store: SideFileStore;
const sessionId = randomUUID();

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  const { sql } = database;
  const [chatId, hostId] = [randomUUID(), randomUUID()];
  await insertHost(sql, { id: hostId, machine: 'test', pid: 1, pidStarted: '', version: '0' });
  await sql`insert into boocode.chats (id, cwd, backend) values (${chatId}, '/', 'claude_sdk')`;
  lease = (await claimLease(sql, chatId, hostId, 60_000))!;
  store = chatSideFiles(sql, lease);
});

const file = (name: string, { ageMs = 0, size = 1 } = {}) => ({ sessionId, name, ageMs, size });
const names = async (): Promise<string[]> =>
  (await store.list()).map(({ name, hasContent }) => (hasContent ? name : `(${name})`));

test('HOST-20: text, bytes and nothing come back as they were stored, with their age', async () => {
  const contents = { text: Buffer.from('Grüße\0\n'), bytes: randomBytes(5_000), empty: Buffer.alloc(0) };
  for (const [name, content] of Object.entries(contents)) {
    await store.put(file(name, { ageMs: 3_600_000, size: content.length }), content);
    expect(await store.read({ sessionId, name })).toEqual(content);
  }
  await store.put(file('text'), Buffer.from('newer'));
  expect(String(await store.read({ sessionId, name: 'text' }))).toBe('newer');
  expect(await store.read({ sessionId, name: 'other' })).toBeNull();
  const [text, bytes] = await store.list();
  expect(text).toMatchObject({ sessionId, name: 'text', size: 1, hasContent: true });
  expect(text!.ageMs).toBeLessThan(60_000);
  expect(bytes!.ageMs).toBeGreaterThan(3_599_000);
  expect(bytes!.ageMs).toBeLessThan(3_660_000);
});

test('HOST-21: the files of a chat that changed last stay within its limit, and of the others the names', async () => {
  const small = chatSideFiles(database.sql, lease, { ...sideFileLimits, chatBytes: 2_500, files: 4 });
  for (const [at, name] of ['e', 'd', 'c', 'b', 'a'].entries()) {
    await small.put(file(name, { ageMs: 1_000 * (5 - at), size: 1_000 }), randomBytes(1_000));
  }
  await small.put(file('large'), null);
  await small.trim();
  expect(await names()).toEqual(['(large)', 'a', 'b', '(c)']);
  // What was left out stays so, and a change brings it back.
  await small.put(file('c', { size: 1 }), Buffer.from('c'));
  await small.trim();
  expect(await names()).toEqual(['c', '(large)', 'a', 'b']);
  await store.remove([file('a'), file('none')]);
  expect(await names()).toEqual(['c', '(large)', 'b']);
});

test('FENCE-1: a stale holder stores, removes and leaves out nothing', async () => {
  await store.put(file('kept'), Buffer.from('kept'));
  await database.sql`update boocode.chats set epoch = epoch + 1 where id = ${lease.chatId}`;
  const stale = chatSideFiles(database.sql, lease, { ...sideFileLimits, chatBytes: 0, files: 0 });
  await expect(stale.put(file('kept'), Buffer.from('stale'))).rejects.toThrow(FencedError);
  await expect(stale.put(file('new'), Buffer.from('stale'))).rejects.toThrow(FencedError);
  await expect(stale.remove([file('kept')])).rejects.toThrow(FencedError);
  await expect(stale.trim()).rejects.toThrow(FencedError);
  expect(await names()).toEqual(['kept']);
  expect(String(await store.read(file('kept')))).toBe('kept');
});

test('HOST-20: the files of one chat are not those of another, and go with it', async () => {
  await store.put(file('a'), Buffer.from('a'));
  const other = { ...lease, chatId: randomUUID() };
  expect(await chatSideFiles(database.sql, other).list()).toEqual([]);
  await deleteChat(database.sql, lease);
  expect(await database.sql`select from boocode.side_files where chat_id = ${lease.chatId}`).toHaveLength(0);
});
