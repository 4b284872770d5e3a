import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newChat } from '../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { noUsage } from '../protocol/usage.ts';
import { addUsage, openAgentSession } from './agent-sessions.ts';
import {
  type ChatPageQuery,
  deleteChat,
  findChat,
  insertChat,
  listChats,
  type NewChat,
  type RowChanges,
  toChatRows,
} from './chats.ts';
import { appendEvents, type Lease } from './events.ts';
import { insertHost } from './hosts.ts';
import { insertImport } from './imports.ts';
import { claimLease } from './leases.ts';

let database: TestDatabase;
const hostId = randomUUID();
beforeAll(async () => {
  database = await createTestDatabase();
  await insertHost(database.sql, { id: hostId, machine: 'here', pid: 1, pidStarted: 'then', version: '0' });
});
afterAll(() => database.drop());

async function openChat(rest: Partial<NewChat> = {}): Promise<Lease> {
  const { id } = await insertChat(database.sql, newChat(rest));
  return (await claimLease(database.sql, id, hostId, 60_000))!;
}

const listed = async (query: Partial<ChatPageQuery>): Promise<string[]> =>
  toChatRows(await listChats(database.sql, { before: null, limit: 50, ...query })).map(({ id }) => id);

test('lists chats by whether they are archived and by what is in them, and no unfinished imports', async () => {
  const { sql } = database;
  const { id: open } = await insertChat(sql, newChat({ title: 'Listed: open' }));
  const { id: put } = await insertChat(sql, newChat({ title: 'Listed: put away', archived: true }));
  const importing = newChat({ title: 'Listed: arriving' });
  await insertImport(sql, importing, randomUUID());
  expect(await listed({ q: 'listed' })).toEqual([put, open]);
  expect(await listed({ q: 'listed', archived: true })).toEqual([put]);
  expect(await listed({ q: 'listed', archived: false })).toEqual([open]);
  expect(await listed({ q: 'AWAY' })).toEqual([put]);
  expect(await findChat(sql, importing.id)).toBeNull();
  expect(await findChat(sql, importing.id, { importing: true })).toMatchObject({ id: importing.id });
  expect(await findChat(sql, open, { importing: true })).toBeNull();
  expect(await findChat(sql, randomUUID())).toBeNull();
});

test('a hold, and the agent’s directory until the chat’s own changes, are kept as given', async () => {
  const lease = await openChat();
  const change = async (chat: RowChanges): Promise<object> => {
    await appendEvents(database.sql, lease, { events: [{ body: { type: 'chat_updated' } }], chat });
    const { cwd, hold, agentDirectory } = (await findChat(database.sql, lease.chatId))!;
    return { cwd, hold, agentDirectory };
  };
  const hold = { reason: 'usage_limit', message: 'Used up: "all" of it.' } as unknown as NonNullable<
    RowChanges['hold']
  >;
  const agentDirectory = { cwd: '/elsewhere' } as unknown as NonNullable<RowChanges['agentDirectory']>;
  const before = { cwd: '/', hold: null, agentDirectory: null };
  expect(await change({})).toEqual(before);
  expect(await change({ hold })).toEqual({ ...before, hold });
  expect(await change({ agentDirectory })).toEqual({ ...before, hold, agentDirectory });
  expect(await change({ title: 'Other' })).toEqual({ ...before, hold, agentDirectory });
  expect(await change({ hold: null })).toEqual({ ...before, agentDirectory });
  expect(await change({ cwd: '/tmp' })).toEqual({ ...before, cwd: '/tmp' });
});

test('TURN-4: a chat’s tokens are those of all its models, read from a cache or written to it included', async () => {
  const lease = await openChat();
  const session = { agent: 'claude', backend: 'claude_sdk', sessionId: randomUUID() } as const;
  await openAgentSession(database.sql, lease, session);
  const share = (outputTokens: number) => ({
    ...noUsage,
    inputTokens: 1,
    cacheReadInputTokens: 20,
    cacheCreationInputTokens: 300,
    outputTokens,
    costUsd: 1,
  });
  await addUsage(database.sql, lease, 'claude', { costUsd: 1, models: { opus: share(4), haiku: share(50) } });
  expect(await findChat(database.sql, lease.chatId)).toMatchObject({ costUsd: 1, tokensIn: 642, tokensOut: 54 });
});

test('DATA-5: only who holds a chat can delete it', async () => {
  const lease = await openChat();
  expect(await deleteChat(database.sql, { ...lease, epoch: lease.epoch - 1 })).toBe(false);
  expect(await findChat(database.sql, lease.chatId)).not.toBeNull();
  expect(await deleteChat(database.sql, lease)).toBe(true);
  expect(await findChat(database.sql, lease.chatId)).toBeNull();
  expect(await deleteChat(database.sql, lease)).toBe(false);
});
