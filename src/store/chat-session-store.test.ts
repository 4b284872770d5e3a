import { randomUUID } from 'node:crypto';
import { expect, test, afterAll, beforeAll } from 'vitest';
import { newChat } from '../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { foldSummary } from '../agents/claude/fold-summary.ts';
import { chatSessionStore } from './chat-session-store.ts';
import { insertChat } from './chats.ts';
import { insertHost } from './hosts.ts';
import type { Lease } from './events.ts';
import { claimLease } from './leases.ts';
import { FencedError } from './storage-error.ts';

let database: TestDatabase;
const hostId = randomUUID();
beforeAll(async () => {
  database = await createTestDatabase();
  await insertHost(database.sql, { id: hostId, machine: 'here', pid: 1, pidStarted: 'then', version: '0' });
});
afterAll(() => database.drop());

async function openChat(): Promise<Lease> {
  const { id } = await insertChat(database.sql, newChat());
  return (await claimLease(database.sql, id, hostId, 60_000))!;
}

test('a chat’s transcripts are found from every directory, only by that chat, and written only under its lease', async () => {
  const [one, other] = [await openChat(), await openChat()];
  const [store, theirs] = [one, other].map((lease) => chatSessionStore(database.sql, lease, foldSummary)) as [
    ReturnType<typeof chatSessionStore>,
    ReturnType<typeof chatSessionStore>,
  ];
  const here = { projectKey: '-home-me', sessionId: 's' };
  const moved = { ...here, projectKey: '-tmp' };
  const entry = { type: 'user', uuid: 'a' };
  await store.append(here, [entry]);
  await store.append({ ...here, subpath: 'subagents/agent-1' }, [entry]);
  expect(await store.load(moved)).toEqual([entry]);
  const pages = [];
  for await (const page of store.loadPages(moved)) pages.push(page);
  expect(pages).toEqual([[entry]]);
  expect(await store.listSubkeys!(moved)).toEqual(['subagents/agent-1']);
  expect(await store.listSessions!('-tmp')).toMatchObject([{ sessionId: 's' }]);
  expect(await store.listSessionSummaries!('-tmp')).toMatchObject([{ sessionId: 's' }]);
  expect(await theirs.load(here)).toBeNull();
  expect(await theirs.listSessions!('-home-me')).toEqual([]);
  const stale = chatSessionStore(database.sql, { ...one, epoch: one.epoch - 1 }, foldSummary);
  await expect(stale.append(here, [{ type: 'user' }])).rejects.toBeInstanceOf(FencedError);
  await store.delete!(moved);
  expect(await store.load(here)).toBeNull();
});
