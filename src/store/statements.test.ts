// Statements that the tests of the layers above do not reach: pages, cursors, sums, odd names.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newChat } from '../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { noUsage } from '../protocol/usage.ts';
import {
  addUsage,
  findAgentSession,
  findAgentSessions,
  findCountedUsage,
  openAgentSession,
  setAgentSession,
  setCountedUsage,
  setSessionBackend,
  setSessionId,
} from './agent-sessions.ts';
import type { StoredSettings } from '../protocol/chat.ts';
import { deleteChat, findChat, insertChat, listChats, type NewChat } from './chats.ts';
import { findDeleted, findGlances } from './chats-elsewhere.ts';
import { cleanText } from './clean-text.ts';
import { openDatabase } from './database.ts';
import { findTrust, insertTrust } from './directory-trusts.ts';
import { appendEvents, type Lease, readEvents } from './events.ts';
import { findUnstoppedHosts, insertHost, otherHostLives, stopHost } from './hosts.ts';
import { claimImport, insertImport, publishImport, removeImports } from './imports.ts';
import { claimLease, releaseLease } from './leases.ts';
import { probeWrites } from './probe-writes.ts';
import { hashContent } from './prompts.ts';
import { insertTurn } from './turns.ts';

let database: TestDatabase;
const hostId = randomUUID();
beforeAll(async () => {
  database = await createTestDatabase();
  await insertHost(database.sql, {
    id: hostId,
    machine: 'here',
    name: 'attic',
    pid: 1,
    pidStarted: 'then',
    version: '0',
  });
});
afterAll(() => database.drop());

async function openChat(rest: Partial<NewChat> = {}): Promise<Lease> {
  const { id } = await insertChat(database.sql, newChat(rest));
  return (await claimLease(database.sql, id, hostId, 60_000))!;
}

async function openSession(lease: Lease): Promise<string> {
  const session = { agent: 'claude', backend: 'claude_sdk', sessionId: randomUUID() } as const;
  return (await openAgentSession(database.sql, lease, session))!.sessionId;
}

test('lists chats newest first, page by page, and a chat created in the meantime shifts no page', async () => {
  const { sql } = database;
  const made: string[] = [];
  for (let count = 0; count < 5; count += 1) made.unshift((await insertChat(sql, newChat())).id);
  const first = await listChats(sql, { before: null, limit: 2 });
  await insertChat(sql, newChat());
  const second = await listChats(sql, { before: first[1]!.ordinal, limit: 2 });
  const third = await listChats(sql, { before: second[1]!.ordinal, limit: 2 });
  expect([...first, ...second, ...third].map((chat) => chat.id)).toEqual(made);
  expect(await listChats(sql, { before: third[0]!.ordinal, limit: 2 })).toEqual([]);
});

test('a chat inserted twice under one id is stored once', async () => {
  const chat = newChat({ title: 'First' });
  await insertChat(database.sql, chat);
  expect(await insertChat(database.sql, { ...chat, title: 'Second' })).toMatchObject({ id: chat.id, title: 'First' });
});

test('a patch changes only what it names, and can clear the model', async () => {
  const lease = await openChat({ title: 'Title', model: 'opus', permissionMode: 'plan', trusted: true });
  const patch = async (chat: object): Promise<object> => {
    await appendEvents(database.sql, lease, { events: [{ body: { type: 'chat_updated' } }], chat });
    const { title, model, permissionMode, trusted, acceptsAgentMessages } = (await findChat(
      database.sql,
      lease.chatId,
    ))!;
    return { title, model, permissionMode, trusted, acceptsAgentMessages };
  };
  const before = { title: 'Title', model: 'opus', permissionMode: 'plan', trusted: true, acceptsAgentMessages: false };
  expect(await patch({ title: 'New' })).toEqual({ ...before, title: 'New' });
  expect(await patch({ model: null })).toEqual({ ...before, title: 'New', model: null });
  expect(await patch({ trusted: false, permissionMode: 'default' })).toEqual({
    title: 'New',
    model: null,
    permissionMode: 'default',
    trusted: false,
    acceptsAgentMessages: false,
  });
  expect(await patch({ acceptsAgentMessages: true })).toMatchObject({ trusted: false, acceptsAgentMessages: true });
  expect(await patch({ title: 'Newer' })).toMatchObject({ acceptsAgentMessages: true });
  expect(await patch({ acceptsAgentMessages: false })).toMatchObject({ acceptsAgentMessages: false });
});

test('stores every setting as given, with a new chat and by a patch', async () => {
  const settings = {
    title: 'Title',
    cwd: '/tmp',
    backend: 'claude_pty',
    model: 'opus',
    effort: 'high',
    permissionMode: 'plan',
    trusted: true,
    acceptsAgentMessages: true,
    resumeAtReset: true,
    onInterrupted: 'continue',
    host: 'attic',
    idleSeconds: 90,
    budgetUsd: 2.5,
    sandbox: 'required',
    sandboxNetwork: 'limited',
    archived: true,
  } satisfies StoredSettings;
  const { chatId } = await openChat(settings);
  expect(await findChat(database.sql, chatId)).toMatchObject(settings);
  for (const [name, value] of Object.entries(settings)) {
    const lease = await openChat();
    const before = await findChat(database.sql, lease.chatId);
    await appendEvents(database.sql, lease, { events: [{ body: { type: 'chat_updated' } }], chat: { [name]: value } });
    const after = await findChat(database.sql, lease.chatId);
    expect(after).toEqual({ ...before, [name]: value, head: 1, updatedAt: after?.updatedAt });
  }
});

test('returns events unchanged, in pages that start after a cursor', async () => {
  const lease = await openChat();
  const message = 'NUL \u0000, half \ud800, quote " and 漢字';
  const bodies = Array.from({ length: 7 }, (_, index) => ({
    body: { type: 'notice', level: 'info', code: `n${index}`, message, data: { deep: [null, { index }] } } as const,
  }));
  const written = await appendEvents(database.sql, lease, { events: bodies });
  const read = (after: number, limit: number) => readEvents(database.sql, lease.chatId, { after, limit });
  expect(await read(0, 100)).toEqual(written);
  expect(await read(0, 3)).toEqual(written.slice(0, 3));
  expect(await read(3, 3)).toEqual(written.slice(3, 6));
  expect(await read(6, 3)).toEqual(written.slice(6));
  expect(await read(7, 3)).toEqual([]);
  expect(written[0]).toMatchObject({ chatId: lease.chatId, seq: 1, message, code: 'n0' });
  expect((await findChat(database.sql, lease.chatId))?.head).toBe(7);
});

test('TURN-4: sums usage per model and per number, whatever the models are called', async () => {
  const lease = await openChat();
  await openSession(lease);
  const share = { ...noUsage, inputTokens: 1, outputTokens: 2, costUsd: 0.5 };
  const add = (models: Record<string, typeof share>, costUsd: number) =>
    addUsage(database.sql, lease, 'claude', { costUsd, models });
  await add({ opus: share, 'nul\u0000': share, '"quoted"\\': share }, 1.5);
  await add({ opus: { ...share, cacheReadInputTokens: 7 }, haiku: share }, 1);
  await add(JSON.parse(`{"__proto__": ${JSON.stringify(share)}}`) as Record<string, typeof share>, 0.5);
  await add({}, 0);
  const [row] = await database.sql<{ cost: number; usage: string }[]>`
    select cost_usd as cost, model_usage as usage from boocode.agent_sessions where chat_id = ${lease.chatId}`;
  const usage = JSON.parse(row!.usage) as Record<string, typeof share>;
  expect(row?.cost).toBe(3);
  expect(Object.entries(usage).toSorted(([a], [b]) => a.localeCompare(b))).toEqual(
    Object.entries({
      '"quoted"\\': share,
      ['__proto__']: share,
      haiku: share,
      'nul\u2400': share,
      opus: { inputTokens: 2, outputTokens: 4, cacheReadInputTokens: 7, cacheCreationInputTokens: 0, costUsd: 1 },
    }).toSorted(([a], [b]) => a.localeCompare(b)),
  );
  expect(await findChat(database.sql, lease.chatId)).toMatchObject({ costUsd: 3, tokensIn: 13, tokensOut: 12 });
});

test('AGENT-2: a chat’s session is created once, under its lease, and changes when the agent starts another', async () => {
  const lease = await openChat();
  const session = { agent: 'claude', backend: 'claude_sdk', sessionId: randomUUID() } as const;
  expect(await openAgentSession(database.sql, { ...lease, epoch: lease.epoch - 1 }, session)).toBeNull();
  expect(await findAgentSession(database.sql, lease.chatId, 'claude')).toBeNull();
  const first = await openSession(lease);
  expect(await openSession(lease)).toBe(first);
  const begun = randomUUID();
  await setAgentSession(database.sql, lease, 'claude', { sessionId: begun, model: 'nul\u0000' });
  expect(await openSession(lease)).toBe(begun);
  expect(await findAgentSessions(database.sql, lease.chatId)).toEqual([{ sessionId: begun }]);
  expect(await findAgentSession(database.sql, lease.chatId, 'claude')).toBe(begun);
  expect(await openAgentSession(database.sql, lease, { ...session, sessionId: first })).toEqual({
    sessionId: begun,
    model: 'nul␀',
  });
});

test('finds the hosts of a machine that did not shut down cleanly, and no stopped ones', async () => {
  const host = { id: randomUUID(), machine: 'there', pid: 7, pidStarted: 'then', version: '1' };
  await insertHost(database.sql, host);
  expect(await findUnstoppedHosts(database.sql, 'there')).toEqual([host]);
  await stopHost(database.sql, host.id);
  await stopHost(database.sql, host.id);
  expect(await findUnstoppedHosts(database.sql, 'there')).toEqual([]);
});

test('whether another host that may have run the chat’s open turn still lives', async () => {
  const { sql } = database;
  const lease = await openChat();
  const lives = () => otherHostLives(sql, hostId, lease.chatId);
  const host = { id: randomUUID(), machine: 'there', pid: 7, pidStarted: 'then', version: '1' };
  await insertHost(sql, host);
  expect(await lives()).toBe(false);
  await appendEvents(sql, lease, {
    events: [{ body: { type: 'chat_updated' } }],
    side: (db) => [insertTurn(db, lease, randomUUID())],
  });
  expect(await lives()).toBe(true);
  await stopHost(sql, host.id);
  expect(await lives()).toBe(false);
});

test('FENCE-4: a host that stops frees its leases at once', async () => {
  const { sql } = database;
  const host = { id: randomUUID(), machine: 'there', pid: 8, pidStarted: 'then', version: '1' };
  await insertHost(sql, host);
  const { id } = await insertChat(sql, newChat());
  expect(await claimLease(sql, id, host.id, 60_000)).not.toBeNull();
  expect(await claimLease(sql, id, hostId, 60_000)).toBeNull();
  await stopHost(sql, host.id);
  expect(await claimLease(sql, id, hostId, 60_000)).not.toBeNull();
});

test('TRUST-5: trust is for a directory’s content; for other content, the one trusted last is found', async () => {
  const { sql } = database;
  const files = [{ path: 'CLAUDE.md', sha256: 'x', text: 'NUL \u0000 and "quotes"' }];
  const trust = (path: string, digest: string) => insertTrust(sql, { path, digest, files });
  const found = async (path: string, digest: string) => (await findTrust(sql, { path, digest }))?.digest;
  expect(await findTrust(sql, { path: '/work', digest: 'one' })).toBeNull();
  await trust('/work', 'one');
  await trust('/work', 'two');
  await trust('/other', 'three');
  expect(await findTrust(sql, { path: '/work', digest: 'one' })).toEqual({
    path: '/work',
    digest: 'one',
    files,
    trustedAt: expect.any(Date) as Date,
  });
  expect(await found('/work', 'new')).toBe('two');
  await trust('/work', 'one');
  expect(await found('/work', 'new')).toBe('one');
});

test('DATA-6: the check for writes works without the right to temporary tables, and notices a read-only database', async () => {
  const { sql, url } = database;
  const name = new URL(url).pathname.slice(1);
  const role = `probing_${name}`;
  await sql.unsafe(`
    revoke temporary on database ${name} from public;
    create role ${role} login password 'x';
    grant usage on schema boocode to ${role};
    grant select, update on boocode.hosts to ${role};`);
  const limited = openDatabase(Object.assign(new URL(url), { username: role, password: 'x' }).href, { max: 1 });
  try {
    await probeWrites(sql, hostId);
    await probeWrites(limited, hostId);
    await limited`set default_transaction_read_only to on`;
    await expect(probeWrites(limited, hostId)).rejects.toMatchObject({ code: '25006' });
    await limited`set default_transaction_read_only to off`;
    await sql.unsafe(`revoke update on boocode.hosts from ${role}`);
    await expect(probeWrites(limited, hostId)).rejects.toMatchObject({ code: '42501' });
  } finally {
    await limited.end();
    await sql.unsafe(`drop owned by ${role}; drop role ${role}; grant temporary on database ${name} to public`);
  }
});

test('a prompt’s hash distinguishes contents by value', () => {
  const hash = (text: string): string => hashContent([{ type: 'text', text }]);
  expect(hash('a')).toBe(hash('a'));
  expect(hash('a')).not.toBe(hash('a '));
  expect(
    hashContent([
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b' },
    ]),
  ).not.toBe(hash('ab'));
});

test('text for names contains neither NUL nor lone surrogates', () => {
  expect(cleanText('a\u0000b\ud800c\udc00d😀')).toBe('a␀b\ufffdc\ufffdd😀');
});

test('TURN-16: the booked part of the agent’s count belongs to one session, and changes only under the lease', async () => {
  const lease = await openChat();
  await openSession(lease);
  const counted = () => findCountedUsage(database.sql, lease.chatId, 'claude');
  const cost = (outputTokens: number, costUsd: number) => ({ ...noUsage, outputTokens, costUsd });
  const add = () => addUsage(database.sql, lease, 'claude', { costUsd: 0.5, models: { m: cost(2, 0.5) } });
  const session = { sessionId: crypto.randomUUID(), model: null };
  expect(await counted()).toEqual({});
  await add();
  await add();
  expect(await counted()).toEqual({ m: cost(4, 1) });
  // As after a killed process, whose successor counts from an earlier number.
  await setCountedUsage(database.sql, { ...lease, epoch: lease.epoch - 1 }, 'claude', {});
  expect(await counted()).toEqual({ m: cost(4, 1) });
  await setCountedUsage(database.sql, lease, 'claude', { m: cost(1, 0.25) });
  await add();
  expect(await counted()).toEqual({ m: cost(3, 0.75) });
  // Another session (adopted, cleared, rewound) has its own count, and nobody knows how much of it is booked.
  await setAgentSession(database.sql, lease, 'claude', session);
  await add();
  expect(await counted()).toBeNull();
  await setCountedUsage(database.sql, lease, 'claude', { m: cost(7, 2) });
  await setAgentSession(database.sql, lease, 'claude', session);
  expect(await counted()).toEqual({ m: cost(7, 2) });
  await setSessionId(database.sql, lease, 'claude', crypto.randomUUID());
  expect(await counted()).toBeNull();
  // The agent itself said how much of it is booked.
  await addUsage(database.sql, lease, 'claude', { costUsd: 0.5, models: {} }, { 'm\u0000': cost(9, 3) });
  expect(await counted()).toEqual({ 'm\u2400': cost(9, 3) });
  const adopting = await openChat();
  expect(await findCountedUsage(database.sql, adopting.chatId, 'claude')).toBeNull();
  const adopted = { agent: 'claude', backend: 'claude_sdk', sessionId: randomUUID(), isAdopted: true } as const;
  expect(await openAgentSession(database.sql, adopting, adopted)).toEqual({
    sessionId: adopted.sessionId,
    model: null,
  });
  expect(await findCountedUsage(database.sql, adopting.chatId, 'claude')).toBeNull();
  await setSessionBackend(database.sql, adopting, 'claude', 'claude_pty');
  expect(await database.sql`select backend from boocode.agent_sessions where chat_id = ${adopting.chatId}`).toEqual([
    { backend: 'claude_pty' },
  ]);
});

test('HOST-9: a deleted chat leaves its id for an hour, an import leaves nothing', async () => {
  const { sql } = database;
  const lease = await openChat();
  const old = randomUUID();
  await sql`insert into boocode.deleted_chats (id, deleted_at) values (${old}, now() - interval '61 minutes')`;
  const importing = newChat();
  await insertImport(sql, importing, randomUUID());
  expect(await removeImports(sql, { id: importing.id })).toBe(1);
  expect(await sql`select id from boocode.deleted_chats`).toEqual([]);
  expect(await deleteChat(sql, lease)).toBe(true);
  const { at, chatIds } = await findDeleted(sql, null);
  expect(chatIds).toEqual([lease.chatId]);
  expect((await findDeleted(sql, new Date(at.getTime() + 50_000))).chatIds).toEqual([lease.chatId]);
  expect((await findDeleted(sql, new Date(at.getTime() + 70_000))).chatIds).toEqual([]);
});

test('HOST-9: a release, a stop and the end of an import are seen for a minute, an append and a claim are not', async () => {
  const { sql } = database;
  const me = randomUUID();
  const freeSince = async (id: string): Promise<number> => {
    const [row] = await sql<{ at: Date }[]>`select free_since as at from boocode.chats where id = ${id}`;
    return row!.at.getTime();
  };
  const ago = (id: string) => sql`update boocode.chats set free_since = now() - interval '1 day' where id = ${id}`;
  const isSeen = async (id: string): Promise<boolean> => {
    const { at } = await findDeleted(sql, null);
    return (await findGlances(sql, me, { since: at, known: [] })).changed.some(
      (each) => each.id === id && each.isRecent,
    );
  };
  const lease = await openChat();
  await ago(lease.chatId);
  const before = await freeSince(lease.chatId);
  await appendEvents(sql, lease, { events: [{ body: { type: 'chat_updated' } }] });
  expect([await freeSince(lease.chatId), await isSeen(lease.chatId)]).toEqual([before, true]);
  await releaseLease(sql, lease);
  expect(await isSeen(lease.chatId)).toBe(true);
  await ago(lease.chatId);
  expect(await isSeen(lease.chatId)).toBe(false);
  const [stopped, chat, importing] = [randomUUID(), newChat(), newChat()];
  await insertHost(sql, { id: stopped, machine: 'here', pid: 1, pidStarted: 'then', version: '0' });
  await insertChat(sql, chat);
  expect(await isSeen(chat.id)).toBe(true);
  await claimLease(sql, chat.id, stopped, 60_000);
  await ago(chat.id);
  await stopHost(sql, stopped);
  expect(await isSeen(chat.id)).toBe(true);
  await insertImport(sql, importing, randomUUID());
  await ago(importing.id);
  expect(await isSeen(importing.id)).toBe(false);
  const claimed = (await claimImport(sql, importing.id, hostId))!;
  expect(await publishImport(sql, claimed)).toBe(true);
  expect(await isSeen(importing.id)).toBe(true);
});
