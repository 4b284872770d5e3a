import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newChat } from '../../../test/support/new-chat.ts';
import { openChatLog, openChatSettings } from '../../../test/support/open-chat-log.ts';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import type { Agent, AgentDirectory } from '../../agents/agent.ts';
import { silentLog } from '../../lib/log.ts';
import { Redaction } from '../../lib/redaction.ts';
import type { Delta } from '../../protocol/event.ts';
import type { Principal } from '../../protocol/principal.ts';
import type { SessionStore } from '../../protocol/session-store.ts';
import { openAgentSession } from '../../store/agent-sessions.ts';
import { insertChat } from '../../store/chats.ts';
import { insertDecision } from '../../store/decisions.ts';
import { Feed } from '../feed.ts';
import { leaveDirectory, storeSessions } from '../kept-sessions.ts';
import { turnStart } from '../turn.ts';
import { ChatSecrets } from './chat-secrets.ts';
import { redactedSessionStore } from './redacted-store.ts';
import { open, seal, type SealedFor } from './seal.ts';
import { SecretKeys } from './secret-keys.ts';
import { Secrets } from './secrets.ts';

const owner: Principal = { id: 'owner', name: 'owner', role: 'owner' };
const value = 'a-"value"\\of-seventeen';

let root: string;
let database: TestDatabase;
let secrets: Secrets;
let keyFile: string;
beforeAll(async () => {
  database = await createTestDatabase();
  root = await realpath(await mkdtemp(join(tmpdir(), 'boocode-secrets-')));
  keyFile = join(root, 'key');
  const refuses = (name: string) => name === 'REFUSED';
  secrets = new Secrets({ sql: database.sql, keys: new SecretKeys(keyFile), refuses, logger: silentLog });
});
afterAll(async () => {
  await database.drop();
  await rm(root, { recursive: true });
});

describe('SECRET-3: a ciphertext', () => {
  const key = Buffer.alloc(32, 1);
  const what: SealedFor = { id: randomUUID(), name: 'NAME', scope: { personId: 'owner' } };

  test('opens with its key, for exactly what it is of', () => {
    const sealed = seal(key, what, value);
    expect(open(key, what, sealed)).toBe(value);
    expect(seal(key, what, value)).not.toBe(sealed);
    expect(open(Buffer.alloc(32, 2), what, sealed)).toBeNull();
    const others: SealedFor[] = [
      { ...what, id: randomUUID() },
      { ...what, name: 'NAMES' },
      { ...what, scope: { personId: randomUUID() } },
      { ...what, scope: { directory: 'owner' } },
    ];
    for (const other of others) expect(open(key, other, sealed)).toBeNull();
  });

  test('that was changed in any byte, or cut, is refused', () => {
    const bytes = Buffer.from(seal(key, what, value), 'base64');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      expect(open(key, what, changed.toString('base64'))).toBeNull();
      expect(open(key, what, bytes.subarray(0, at).toString('base64'))).toBeNull();
    }
  });

  test('whose row was swapped with another in the database starts no agent', async () => {
    const { sql } = database;
    const { id: chatId } = await insertChat(sql, newChat());
    for (const name of ['SWAP_A', 'SWAP_B']) {
      await secrets.set(owner, { name, value: `${value} ${name}` });
      await secrets.choose(owner, chatId, name);
    }
    expect(await secrets.set(owner, { name: 'SWAP_A', value: `${value} SWAP_A` })).toMatchObject({ chats: 1 });
    const given = async () => (await secrets.valuesFor(chatId, { directories: ['/'] })).map((each) => each.value);
    expect(await given()).toEqual([`${value} SWAP_A`, `${value} SWAP_B`]);
    await sql`
      update boocode.secrets s set sealed = o.sealed from boocode.secrets o
      where s.name in ('SWAP_A', 'SWAP_B') and o.name in ('SWAP_A', 'SWAP_B') and s.name <> o.name`;
    await expect(given()).rejects.toMatchObject({ code: 'agent_failed', message: expect.stringContaining('SWAP_A') });
    await sql`delete from boocode.secrets`;
  });
});

test('SECRET-4: a directory’s goes by real path, a deeper one goes first, and a person’s before both', async () => {
  const { sql } = database;
  const { id: chatId } = await insertChat(sql, newChat());
  const [dir, below, beside] = [join(root, 'dir'), join(root, 'dir', 'below'), join(root, 'dir-2')];
  await mkdir(below, { recursive: true });
  await mkdir(beside);
  await symlink(below, join(root, 'link'));
  await symlink(beside, join(dir, 'out'));
  const set = (name: string, more: { directory?: string } = {}) =>
    secrets.set(owner, { name, value: `value of ${more.directory ?? 'mine'}`, ...more });
  await set('ONE', { directory: dir });
  await set('TWO', { directory: dir });
  await set('TWO', { directory: below });
  await set('ONE');
  const given = async (directory: string) =>
    Object.fromEntries(
      (await secrets.valuesFor(chatId, { directories: [directory] })).map((each) => [each.name, each.value.slice(9)]),
    );
  expect(await given(below)).toEqual({ ONE: dir, TWO: below });
  expect(await given(join(root, 'link'))).toEqual({ ONE: dir, TWO: below });
  for (const path of [beside, join(dir, 'out'), root]) expect(await given(path)).toEqual({});
  await secrets.choose(owner, chatId, 'ONE');
  expect(await given(below)).toEqual({ ONE: 'mine', TWO: below });
  expect(await given(beside)).toEqual({ ONE: 'mine' });
  // A directory that became a link to elsewhere is another one.
  await rm(below, { recursive: true });
  await symlink(beside, below);
  expect(await given(beside)).toEqual({ ONE: 'mine' });
  await expect(set('THREE', { directory: join(root, 'none') })).rejects.toMatchObject({ code: 'cwd_invalid' });
  await sql`delete from boocode.secrets`;
});

describe('SECRET-8: the key file', () => {
  test('that is damaged, or of another server, is said to be, and never replaced', async () => {
    await secrets.set(owner, { name: 'KEPT', value });
    const [kept, other] = [await readFile(keyFile, 'utf8'), join(root, 'other')];
    await writeFile(keyFile, 'not a key\n');
    await expect(secrets.set(owner, { name: 'MORE', value })).rejects.toMatchObject({ code: 'config_invalid' });
    new SecretKeys(other).first();
    await writeFile(keyFile, await readFile(other, 'utf8'));
    expect(await secrets.list(owner)).toMatchObject([{ name: 'KEPT', isReadable: false }]);
    await expect(secrets.set(owner, { name: 'MORE', value })).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(secrets.rekey({ freshKey: true })).rejects.toMatchObject({ code: 'agent_failed' });
    await writeFile(keyFile, kept);
    expect(await secrets.rekey({ freshKey: true })).toEqual({ secrets: 1, keyFile });
    // A key that was put there by hand, on all hosts, before it is used.
    await writeFile(keyFile, (await readFile(other, 'utf8')) + (await readFile(keyFile, 'utf8')));
    expect(await secrets.rekey({ freshKey: false })).toEqual({ secrets: 1, keyFile });
    await writeFile(keyFile, await readFile(other, 'utf8'));
    expect(await secrets.list(owner)).toMatchObject([{ name: 'KEPT', isReadable: true }]);
    await database.sql`delete from boocode.secrets`;
  });
});

test('SECRET-5: a chat’s log takes values out of events, their rows, settings, previews and transcripts', async () => {
  const { sql } = database;
  const ofLog = new Redaction();
  const seen: unknown[] = [];
  const feed = new Feed({ read: () => Promise.resolve([]), find: () => Promise.resolve(null) }, { backlogBytes: 1 });
  feed.publishDelta = (delta: Delta) => void seen.push(delta);
  feed.publishEvent = (event) => void seen.push(event);
  const keys = new SecretKeys(keyFile);
  const own = new Secrets({ sql, keys, refuses: () => false, logger: silentLog, ofLog });
  const { id: chatId } = await insertChat(sql, newChat());
  const chat = new ChatSecrets(own, chatId);
  const log = await openChatLog(sql, { secrets: chat, feed });
  await own.set(owner, { name: 'LOGGED', value });
  await own.choose(owner, chatId, 'LOGGED');
  const turnId = randomUUID();
  await log.append(turnStart(log, turnId));
  const asked = {
    decisionId: randomUUID(),
    kind: 'permission',
    title: value,
    input: { command: `echo ${value}` },
  } as const;
  await log.append({
    events: [
      { turnId, body: { type: 'agent_message', messageId: 'm', content: [{ type: 'text', text: `It is ${value}.` }] } },
    ],
    side: (db) => [
      insertDecision(db, {
        id: asked.decisionId,
        chatId: log.lease.chatId,
        turnId,
        kind: asked.kind,
        title: asked.title,
        input: asked.input,
        toolName: 'Bash',
        toolCallId: null,
        subagentCallId: null,
        canAllowAlways: true,
        alwaysScope: [value],
      }),
    ],
    chat: { title: `About ${value}` },
  });
  for (const character of `and ${value}, again`) {
    log.preview(turnId, { type: 'agent_message_chunk', messageId: 'n', content: { type: 'text', text: character } });
  }
  for (const character of JSON.stringify({ command: value })) {
    log.preview(turnId, { type: 'tool_call_chunk', toolCallId: 't', title: 'Bash', partialInput: character });
  }
  let stored = '';
  const store = redactedSessionStore(
    { append: async (_, entries) => void (stored = JSON.stringify(entries)), load: async () => null },
    log,
  );
  await store.append({ projectKey: 'p', sessionId: 's' }, [{ type: 'user', message: { content: [value] } }]);
  const rows = await sql`select to_jsonb(e)::text as row from boocode.events e union all
    select to_jsonb(d)::text from boocode.decisions d union all select to_jsonb(c)::text from boocode.chats c`;
  const all = JSON.stringify([rows, seen, stored, log.unfinished.asEvents()]);
  expect(all).not.toContain('of-seventeen');
  expect(all.match(/\[secret LOGGED\]/g)?.length).toBeGreaterThanOrEqual(6);
  expect(ofLog.text(value)).toBe('[secret LOGGED]');
  await sql`delete from boocode.secrets`;
});

test('SECRET-5: what an agent’s files have more is stored without values, whatever the host knew of them before', async () => {
  const { sql } = database;
  const own = new Secrets({ sql, keys: new SecretKeys(keyFile), refuses: () => false, logger: silentLog });
  await own.set(owner, { name: 'LEFT', value });
  const { id } = await insertChat(sql, newChat());
  await own.choose(owner, id, 'LEFT');
  const log = await openChatLog(sql, { secrets: new ChatSecrets(own, id) });
  const settings = await openChatSettings(sql, log);
  const of = { agent: 'claude', backend: 'claude_sdk', sessionId: randomUUID() } as const;
  await openAgentSession(sql, log.lease, of);
  const left = async ({ sessionId, sessionStore }: { sessionId: string; sessionStore: SessionStore }) =>
    sessionStore.append({ projectKey: 'chat', sessionId }, [{ type: 'note', content: value }]);
  const agent = { foldSummary: () => ({ data: {} }), storeSession: left, leaveDirectory: left } as unknown as Agent;
  const agents = { agentFor: () => agent } as unknown as AgentDirectory;
  await storeSessions({ sql, log, agents, settings });
  await leaveDirectory({ sql, log, agents, settings });
  const rows = await sql<{ content: string }[]>`
    select entry ->> 'content' as content from boocode.claude_session_entries where session_id = ${of.sessionId}`;
  expect(rows.map(({ content }) => content)).toEqual(['[secret LEFT]', '[secret LEFT]']);
  await sql`delete from boocode.secrets`;
});
