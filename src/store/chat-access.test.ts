import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import {
  isOfVisible,
  isVisible,
  onlyVisible,
  readAccess,
  readSharing,
  setVisibility,
  shareChat,
  unshareChat,
} from './chat-access.ts';
import type { Sql } from './database.ts';

const [ada, bob, cleo] = [randomUUID(), randomUUID(), randomUUID()];
/** Ada's, and one that is nobody's. */
const chats = { own: randomUUID(), read: randomUUID(), joined: randomUUID(), team: randomUUID(), none: randomUUID() };
const decisions = new Map<string, string>();

let database: TestDatabase;
let sql: Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  sql = database.sql;
  for (const [id, name] of [
    [ada, 'Ada'],
    [bob, 'Bob'],
    [cleo, 'Cleo'],
  ] as const)
    await sql`insert into boocode.people (id, name, role, created_by) values (${id}, ${name}, 'member', 'owner')`;
  for (const [name, id] of Object.entries(chats)) {
    if (name === 'none') continue;
    await sql`
      insert into boocode.chats (id, cwd, backend, owner_id, owner_name) values (${id}, '/', 'claude_sdk', ${ada}, 'Ada')`;
    const decision = randomUUID();
    decisions.set(id, decision);
    await sql`
      insert into boocode.decisions (id, chat_id, kind, title, input)
      values (${decision}, ${id}, 'permission', 'Write', '{}'::json)`;
  }
  await shareChat(sql, chats.read, bob, 'reader');
  await shareChat(sql, chats.joined, 'bob', 'participant');
  await setVisibility(sql, chats.team, 'team');
});
afterAll(() => database.drop());

const named = (ids: Iterable<string>): string[] =>
  [...ids].map((id) => Object.entries(chats).find(([, known]) => known === id)![0]).toSorted();

describe('SHARE-1: what somebody may do with a chat', () => {
  it.each([
    [ada, { own: 'own', read: 'own', joined: 'own', team: 'own', none: null }],
    [bob, { own: null, read: 'reader', joined: 'participant', team: 'participant', none: null }],
    [cleo, { own: null, read: null, joined: null, team: 'participant', none: null }],
    // The server's owner is asked about elsewhere: this is no row of theirs.
    ['owner', { own: null, read: null, joined: null, team: 'participant', none: null }],
  ])('of %s', async (person, access) => {
    for (const [name, expected] of Object.entries(access)) {
      const chatId = chats[name as keyof typeof chats];
      expect([name, await readAccess(sql, { chatId }, person)]).toEqual([name, expected]);
      const decisionId = decisions.get(chatId) ?? randomUUID();
      expect([name, await readAccess(sql, { decisionId }, person)]).toEqual([name, expected]);
    }
  });
});

describe('SHARE-3: what somebody sees in lists', () => {
  it.each([
    [ada, ['joined', 'own', 'read', 'team']],
    [bob, ['joined', 'read', 'team']],
    [cleo, ['team']],
    [undefined, ['joined', 'own', 'read', 'team']],
  ])('of %s', async (person, expected) => {
    const rows = await sql<{ id: string }[]>`select id from boocode.chats where ${isVisible(sql, person)}`;
    expect(named(rows.map(({ id }) => id))).toEqual(expected);
    const of = await sql<{ id: string }[]>`
      select chat_id as id from boocode.decisions where ${isOfVisible(sql, person, 'decisions.chat_id')}`;
    expect(named(of.map(({ id }) => id))).toEqual(expected);
    if (person === undefined) return;
    expect(named(await onlyVisible(sql, person))).toEqual(expected);
    const asked = [chats.own, chats.team, chats.none];
    expect(named(await onlyVisible(sql, person, asked))).toEqual(
      expected.filter((name) => ['own', 'team'].includes(name)),
    );
    expect(await onlyVisible(sql, person, [])).toEqual(new Set());
  });
});

test('SHARE-2: a chat is shared with people who are there, by id or name, and taken from one of them', async () => {
  const gone = randomUUID();
  await sql`
    insert into boocode.people (id, name, role, created_by, removed_at)
    values (${gone}, 'Gone', 'member', 'owner', now())`;
  for (const nobody of [gone, 'Gone', 'nobody', '', randomUUID()])
    expect(await shareChat(sql, chats.own, nobody, 'reader')).toBe(false);
  expect(await shareChat(sql, chats.own, 'CLEO', 'reader')).toBe(true);
  expect(await shareChat(sql, chats.own, cleo, 'participant')).toBe(true);
  expect(await shareChat(sql, chats.own, 'Bob', 'reader')).toBe(true);
  const items = async () => (await readSharing(sql, chats.own))?.items;
  expect(await items()).toEqual([
    { person: { id: bob, name: 'Bob' }, access: 'reader' },
    { person: { id: cleo, name: 'Cleo' }, access: 'participant' },
  ]);
  await unshareChat(sql, chats.own, bob);
  expect(await items()).toEqual([{ person: { id: cleo, name: 'Cleo' }, access: 'participant' }]);
  expect(await readAccess(sql, { chatId: chats.own }, bob)).toBeNull();
  // The same person keeps others, and others keep theirs.
  expect(await readAccess(sql, { chatId: chats.read }, bob)).toBe('reader');
  expect(await readSharing(sql, chats.none)).toBeUndefined();
  expect(await setVisibility(sql, chats.none, 'team')).toBe(false);
});
