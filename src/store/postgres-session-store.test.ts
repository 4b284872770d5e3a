import {
  foldSessionSummary,
  forkSession,
  getSessionInfo,
  getSessionMessages,
  getSubagentMessages,
  importSessionToStore,
  InMemorySessionStore,
  listSessions,
  listSubagents,
  deleteSession,
  renameSession,
} from '@anthropic-ai/claude-agent-sdk';
import type { SessionKey, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { describeSessionStore, line } from '../../test/contract/session-store.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { FencedError } from './postgres-session-store.ts';
import { migrate, PostgresSessionStore } from '../session-store.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

async function empty(): Promise<void> {
  await database.sql`truncate claude_session_entries, claude_session_summaries`;
}
afterEach(empty);

const key: SessionKey = { projectKey: 'project', sessionId: 'session' };
const agent: SessionKey = { ...key, subpath: 'subagents/agent-1' };

describeSessionStore('PostgresSessionStore', () => {
  const open = (): PostgresSessionStore => new PostgresSessionStore({ sql: database.sql });
  return Promise.resolve({ store: open(), peer: open, close: empty });
});

// The suite itself is checked against the SDK's own store, as far as that store complies.
describeSessionStore(
  'InMemorySessionStore',
  () => {
    const store = new InMemorySessionStore();
    return Promise.resolve({ store, peer: () => store, close: () => Promise.resolve() });
  },
  { strict: false },
);

describe('clients with other settings', () => {
  const clients: [string, postgres.Options<Record<string, postgres.PostgresType>>][] = [
    ['default options', {}],
    ['camel case', { transform: postgres.camel }],
    [
      'a transform of every value',
      { transform: { value: { from: () => 'spoilt' }, column: { from: () => 'spoilt' } } },
    ],
    ['no prepared statements', { prepare: false }],
    ['types not fetched', { fetch_types: false }],
    ['one connection', { max: 1 }],
    ['serializable by default', { connection: { default_transaction_isolation: 'serializable' } }],
    [
      'types of their own',
      { types: { n: { to: 20, from: [20, 23, 25, 114], serialize: String, parse: () => new Date(0) } } },
    ],
  ];

  test.each(clients)('%s', async (_, options) => {
    const sql = postgres(database.url, options);
    try {
      const store = new PostgresSessionStore({ sql });
      const entries = [line('a\u0000', { customTitle: 'first' }), line('b\ud800', { customTitle: 'last' })];
      await store.append(key, entries.slice(0, 1));
      await store.append(key, entries.slice(1));
      await store.append(key, entries);
      await store.append(agent, entries);
      expect(await store.load(key)).toStrictEqual(entries);
      expect(await store.load(agent)).toStrictEqual(entries);
      const [summary] = await store.listSessionSummaries('project');
      expect(summary?.data['customTitle']).toBe('last');
      expect(await store.listSessions('project')).toEqual([{ sessionId: 'session', mtime: summary?.mtime }]);
      expect(await store.listSubkeys(key)).toEqual(['subagents/agent-1']);
      await store.delete(key);
      expect(await store.load(key)).toBeNull();
    } finally {
      await sql.end();
    }
  });

  test('serializable by default, writing at the same time', async () => {
    const sql = postgres(database.url, { connection: { default_transaction_isolation: 'serializable' } });
    try {
      const stores = Array.from({ length: 8 }, () => new PostgresSessionStore({ sql }));
      const shared = line('shared', { customTitle: 'shared' });
      await Promise.all(
        stores.map(async (store, i) => {
          await Promise.all([
            store.append(key, [line('', { customTitle: `${i}` }), shared]),
            store.append(agent, [shared]),
          ]);
          await store.append(key, [line('', { customTitle: `${i} again` })]);
        }),
      );
      const loaded = (await stores[0]?.load(key)) ?? [];
      expect(loaded).toHaveLength(8 * 2 + 1);
      expect(await stores[0]?.load(agent)).toEqual([shared]);
      const [summary] = (await stores[0]?.listSessionSummaries('project')) ?? [];
      expect(summary?.data).toEqual(foldSessionSummary(undefined, key, loaded).data);
    } finally {
      await sql.end();
    }
  });

  test('alone in its own database, after a migration', async () => {
    const name = `alone_${randomUUID().replaceAll('-', '')}`;
    await database.sql.unsafe(`create database ${name}`);
    const url = new URL(database.url);
    url.pathname = `/${name}`;
    const sql = postgres(url.href);
    try {
      await migrate(sql);
      const store = new PostgresSessionStore({ sql });
      await store.append(key, [line('hello')]);
      expect(await store.load(key)).toHaveLength(1);
    } finally {
      await sql.end();
      await database.sql.unsafe(`drop database ${name}`);
    }
  });

  test('an invalid time limit is refused', () => {
    for (const statementTimeoutMs of [0, -1, 1.5, Number.NaN]) {
      expect(() => new PostgresSessionStore({ sql: database.sql, statementTimeoutMs })).toThrow(
        expect.objectContaining({
          code: 'config_invalid',
          message: 'statementTimeoutMs must be a whole number of milliseconds, at least 1.',
        }) as Error,
      );
    }
    expect(() => new PostgresSessionStore({ sql: database.sql, statementTimeoutMs: 1 })).not.toThrow();
  });
});

test('STORE-6: an append is one statement, of one entry or many, and an empty one costs nothing', async () => {
  const statements: string[] = [];
  const sql = postgres(database.url, { max: 1, debug: (_, query) => statements.push(query) });
  try {
    const store = new PostgresSessionStore({ sql });
    const third = line('third');
    for (const entries of [[line('first')], [line('second'), third], [third], [third, line('fourth')], []]) {
      await store.append(key, entries);
      await store.append(agent, entries);
    }
    // The driver asks once which types are arrays.
    expect(statements.filter((statement) => statement.includes('claude_session'))).toHaveLength(8);
    expect(await store.load(key)).toHaveLength(4);
    expect(await store.load(agent)).toHaveLength(4);
  } finally {
    await sql.end();
  }
});

describe('the clock', () => {
  test('is the database server’s, and never runs backwards', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 0 });
    try {
      const store = new PostgresSessionStore({ sql: database.sql });
      const [before] = await database.sql<{ ms: number }[]>`
        select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as ms`;
      await store.append(key, [line('a')]);
      const mtime = async (): Promise<number> => (await store.listSessions('project'))[0]?.mtime ?? Number.NaN;
      expect(await mtime()).toBeGreaterThanOrEqual(before?.ms ?? Number.NaN);
      // As if the server's clock had been set back by one day.
      const ahead = (await mtime()) + 86_400_000;
      await database.sql`update boocode.claude_session_summaries set mtime = ${ahead}`;
      await store.append(key, [line('b')]);
      expect(await mtime()).toBe(ahead + 1);
      await new PostgresSessionStore({ sql: database.sql }).append(key, [line('c')]);
      expect(await mtime()).toBe(ahead + 2);
    } finally {
      vi.useRealTimers();
    }
  });

  test("a summary's data does not depend on its mtime, so that the database may stamp it afterwards", () => {
    const entries = [line('a', { cwd: '/work' }), line('b')];
    const early = foldSessionSummary(undefined, key, entries, { mtime: 1 });
    const late = foldSessionSummary(undefined, key, entries, { mtime: 2 });
    expect(late.data).toEqual(early.data);
    expect(foldSessionSummary(late, key, entries, { mtime: 3 }).data).toEqual(
      foldSessionSummary(early, key, entries, { mtime: 4 }).data,
    );
  });
});

describe('the time limit', () => {
  test.each(['the first batch', 'a later batch', 'a sub-agent'])(
    'limits %s, which then leaves nothing behind',
    async (what) => {
      const chatId = await createChat(1);
      const fence = { chatId, epoch: 1 };
      const target = what === 'a sub-agent' ? agent : key;
      const store = new PostgresSessionStore({ sql: database.sql, fence, statementTimeoutMs: 150 });
      const before = what === 'a later batch' ? [line('before')] : [];
      await store.append(target, before);
      const late = line('late');
      await database.sql.begin(async (tx) => {
        await tx`select from boocode.chats where id = ${chatId} for update`;
        // The other one still holds the lock. 55P03: the wait for a lock took too long; 57014: the statement did.
        await expect(store.append(target, [late])).rejects.toMatchObject({
          code: expect.stringMatching(/55P03|57014/),
        });
      });
      expect((await store.load(target)) ?? []).toEqual(before);
      await store.append(target, [late]);
      expect(await store.load(target)).toEqual([...before, late]);
    },
  );

  test('ends an append that another writer always beats', async () => {
    const store = new PostgresSessionStore({ sql: database.sql, statementTimeoutMs: 100 });
    await store.append(key, [line('one')]);
    // As to a client with serializable transactions.
    await database.sql.unsafe(`
      create function always_first() returns trigger language plpgsql as
        $$ begin raise exception using errcode = '40001', message = 'another was faster'; end $$;
      create trigger always_first before insert on claude_session_entries execute function always_first()`);
    try {
      await expect(store.append(key, [line('two')])).rejects.toMatchObject({
        code: 'storage_unavailable',
        message: 'Other writers to this session were faster every time.',
        cause: { code: '40001' },
      });
    } finally {
      await database.sql.unsafe('drop trigger always_first on claude_session_entries; drop function always_first');
    }
    expect(await store.load(key)).toHaveLength(1);
    await store.append(key, [line('two')]);
  });

  test('does not stay set on the connection', async () => {
    const sql = postgres(database.url, { max: 1 });
    try {
      const store = new PostgresSessionStore({ sql, statementTimeoutMs: 150 });
      for (const target of [key, key, agent]) await store.append(target, [line('')]);
      await store.delete(key);
      expect(await sql`show lock_timeout`).toEqual([{ lock_timeout: '0' }]);
      expect(await sql`show statement_timeout`).toEqual([{ statement_timeout: '0' }]);
    } finally {
      await sql.end();
    }
  });
});

describe('FENCE-1: the fence', () => {
  test('lets only the holder write', async () => {
    const chatId = await createChat(3);
    const holder = new PostgresSessionStore({ sql: database.sql, fence: { chatId, epoch: 3 } });
    const one = line('one');
    await holder.append(key, [one]);
    await holder.append(key, [line('two')]);
    await holder.append(agent, [line('sub')]);
    await takeOver(chatId);
    const stored = await contents();

    const fresh = new PostgresSessionStore({ sql: database.sql, fence: { chatId, epoch: 3 } });
    const nobody = new PostgresSessionStore({ sql: database.sql, fence: { chatId: randomUUID(), epoch: 3 } });
    for (const stale of [holder, fresh, nobody]) {
      await expect(stale.append(key, [line('stale')])).rejects.toBeInstanceOf(FencedError);
      await expect(stale.append(key, [one])).rejects.toBeInstanceOf(FencedError);
      await expect(stale.append(agent, [line('stale')])).rejects.toBeInstanceOf(FencedError);
      await expect(stale.append({ ...key, sessionId: 'new' }, [line('stale')])).rejects.toBeInstanceOf(FencedError);
      await expect(stale.delete(agent)).rejects.toBeInstanceOf(FencedError);
      await expect(stale.delete(key)).rejects.toBeInstanceOf(FencedError);
      expect(await stale.load(key)).toHaveLength(2);
    }
    expect(await contents()).toEqual(stored);

    const next = new PostgresSessionStore({ sql: database.sql, fence: { chatId, epoch: 4 } });
    await next.append(key, [line('three')]);
    await next.delete(agent);
    expect(await next.load(key)).toHaveLength(3);
    expect(await next.load(agent)).toBeNull();
  });

  test('holds against a takeover that is already under way when the write starts', async () => {
    for (const target of [key, agent]) {
      const chatId = await createChat(1);
      const store = new PostgresSessionStore({ sql: database.sql, fence: { chatId, epoch: 1 } });
      await store.append(target, [line('one')]);
      const stored = await contents();
      const { write } = await database.sql.begin(async (tx) => {
        await tx`update boocode.chats set epoch = epoch + 1 where id = ${chatId}`;
        const pending = store.append(target, [line('stale')]);
        const outcome = pending.then(
          () => 'written',
          (error: unknown) => error,
        );
        await untilOneWaits();
        return { write: outcome };
      });
      expect(await write).toBeInstanceOf(FencedError);
      expect(await contents()).toEqual(stored);
    }
  });

  test('lets nothing through after a takeover, in 100 races', async () => {
    const outcomes = { written: 0, fenced: 0 };
    for (let race = 0; race < 100; race += 1) {
      const chatId = await createChat(1);
      const store = new PostgresSessionStore({ sql: database.sql, fence: { chatId, epoch: 1 } });
      const place: SessionKey = { projectKey: 'race', sessionId: chatId };
      if (race % 2 === 0) await store.append(place, [line('before')]);
      const count = async (): Promise<number> => (await store.load(place))?.length ?? 0;
      const [atTakeover] = await Promise.all([
        takeOver(chatId).then(count),
        ...Array.from({ length: 3 }, (_, i) =>
          store.append(place, [line(`${i}`)]).then(
            () => (outcomes.written += 1),
            (error: unknown) => {
              if (!(error instanceof FencedError)) throw error;
              outcomes.fenced += 1;
            },
          ),
        ),
      ]);
      expect(await count()).toBe(atTakeover);
    }
    // Each side must have won some, or this was no race.
    expect(outcomes.written).toBeGreaterThan(0);
    expect(outcomes.fenced).toBeGreaterThan(0);
  });
});

describe('a delete that waits for an append', () => {
  test.each([
    ['takes both batches', [line('before')]],
    ['takes the first one', []],
  ])('%s', async (_, before) => {
    const store = new PostgresSessionStore({ sql: database.sql });
    await store.append(key, before);
    await store.append(agent, before);
    const { deleted } = await database.sql.begin(async (tx) => {
      // A statement that has written but not committed yet.
      const other = new PostgresSessionStore({ sql: tx as unknown as typeof database.sql });
      await other.append({ ...key, subpath: 'subagents/agent-2' }, [line('other')]);
      const pending = store.delete(key);
      await untilOneWaits();
      await other.append(key, [line('meanwhile', { customTitle: 'meanwhile' })]);
      return { deleted: pending };
    });
    await deleted;
    expect(await store.load(key)).toBeNull();
    expect(await store.listSubkeys(key)).toEqual([]);
    expect(await store.listSessionSummaries('project')).toEqual([]);
  });
});

describe('a database that ends connections', () => {
  test('STORE-1 STORE-2 STORE-3: loses and doubles nothing if appends are retried', async () => {
    // See PostgresSessionStoreOptions. The driver's types do not know it.
    const unpipelined = { max_pipeline: 0 };
    const sql = postgres(database.url, {
      max: 4,
      connection: { application_name: 'mortal' },
      backoff: () => 0.02,
      connect_timeout: 1,
      fetch_types: false,
      ...unpipelined,
    });
    const uncaught: unknown[] = [];
    const note = (error: unknown): void => void uncaught.push(error);
    process.on('uncaughtException', note);
    try {
      const batchCount = 25;
      let failures = 0;
      // As the SDK does, but more often: on a busy machine a connection dies long after it was terminated.
      const persist = async (store: PostgresSessionStore, target: SessionKey, batch: SessionStoreEntry[]) => {
        for (let attempt = 1; ; attempt += 1) {
          try {
            return await store.append(target, batch);
          } catch (error) {
            failures += 1;
            if (attempt === 8) throw error;
            await delay(attempt === 1 ? 200 : 800);
          }
        }
      };
      const writers = Array.from({ length: 5 }, (_, writer) => ({
        own: { ...key, subpath: `subagents/agent-${writer}` },
        entries: Array.from({ length: batchCount * 3 }, (__, n) =>
          line('', { writer, n, customTitle: `${writer} ${n}` }),
        ),
        written: 0,
      }));
      const writing = Promise.all(
        writers.map(async (writer) => {
          const store = new PostgresSessionStore({ sql });
          while (writer.written < batchCount) {
            // Four entries, of which the first is already stored.
            const from = writer.written * 3;
            const batch = writer.entries.slice(Math.max(0, from - 1), from + 3);
            await Promise.all([persist(store, key, batch), persist(store, writer.own, batch)]);
            writer.written += 1;
          }
        }),
      );
      let kills = 0;
      let going = true;
      const killing = (async () => {
        while (going) {
          const marks = writers.map((writer) => Math.min(writer.written + 2, batchCount));
          // Every writer makes progress between two kills, so that no append can meet three of them.
          await until(() => !going || writers.every((writer, i) => writer.written >= (marks[i] ?? 0)));
          const killed = await database.sql`
            select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and application_name = 'mortal'`;
          kills += killed.length;
        }
      })();
      await Promise.all([writing.finally(() => (going = false)), killing]);

      const store = new PostgresSessionStore({ sql: database.sql });
      const loaded = (await store.load(key)) ?? [];
      expect(loaded).toHaveLength(5 * batchCount * 3);
      for (const [i, { own, entries }] of writers.entries()) {
        expect(loaded.filter((entry) => entry['writer'] === i)).toEqual(entries);
        expect(await store.load(own)).toEqual(entries);
      }
      const [summary] = await store.listSessionSummaries('project');
      expect(summary?.data).toEqual(foldSessionSummary(undefined, key, loaded).data);
      expect(kills).toBeGreaterThan(10);
      expect(failures).toBeGreaterThan(5);
      expect(uncaught).toEqual([]);
    } finally {
      process.off('uncaughtException', note);
      // Without a limit this would wait forever for connections that died at work.
      await sql.end({ timeout: 1 });
    }
  });
});

describe("the SDK's own functions over it", () => {
  let directory: string;
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true, force: true });
  });

  test('import a local session with its sub-agent twice, list, read, rename, fork and delete it', async () => {
    directory = await realpath(await mkdtemp(join(tmpdir(), 'boocode-sdk-')));
    const sessionId = randomUUID();
    const cwd = join(directory, 'work');
    const local = join(directory, 'config', 'projects', 'the-chat');
    await mkdir(cwd);
    await mkdir(join(local, sessionId, 'subagents'), { recursive: true });
    vi.stubEnv('CLAUDE_CONFIG_DIR', join(directory, 'config'));
    vi.stubEnv('CLAUDE_CODE_PROJECT_DIR_NAME', 'the-chat');
    const transcript = turns(sessionId, cwd, 600);
    await writeFile(join(local, `${sessionId}.jsonl`), toJsonl(transcript));
    const sidechain = turns(sessionId, cwd, 4).map((entry) => ({ ...entry, isSidechain: true, agentId: 'a1' }));
    await writeFile(join(local, sessionId, 'subagents', 'agent-a1.jsonl'), toJsonl(sidechain));

    const sessionStore = new PostgresSessionStore({ sql: database.sql });
    const options = { dir: cwd, sessionStore };
    for (let i = 0; i < 2; i += 1) await importSessionToStore(sessionId, sessionStore, { dir: cwd });
    expect(await sessionStore.load({ projectKey: 'the-chat', sessionId })).toEqual(transcript);

    const listed = await listSessions(options);
    expect(listed).toMatchObject([{ sessionId, summary: 'question 0\u0000', firstPrompt: 'question 0\u0000', cwd }]);
    expect(await getSessionInfo(sessionId, options)).toMatchObject({ sessionId, cwd });
    const messages = await getSessionMessages(sessionId, options);
    expect(messages.map((message) => message.uuid)).toEqual(transcript.map((entry) => entry['uuid']));
    expect(await getSessionMessages(sessionId, { dir: cwd })).toEqual(messages);
    expect(await listSubagents(sessionId, options)).toEqual(['a1']);
    expect(await getSubagentMessages(sessionId, 'a1', options)).toHaveLength(4);

    await renameSession(sessionId, 'A new name', options);
    expect(await listSessions(options)).toMatchObject([{ sessionId, summary: 'A new name' }]);
    const fork = await forkSession(sessionId, options);
    expect(await getSessionMessages(fork.sessionId, options)).toHaveLength(transcript.length);
    expect((await listSessions(options)).map((session) => session.sessionId)).toEqual([fork.sessionId, sessionId]);
    await deleteSession(sessionId, options);
    expect((await listSessions(options)).map((session) => session.sessionId)).toEqual([fork.sessionId]);
    expect(await sessionStore.listSubkeys({ projectKey: 'the-chat', sessionId })).toEqual([]);
  });
});

async function createChat(epoch: number): Promise<string> {
  const id = randomUUID();
  await database.sql`
    insert into boocode.chats (id, title, cwd, backend, epoch) values (${id}, 'fence', '/', 'claude_sdk', ${epoch})`;
  return id;
}

async function takeOver(chatId: string): Promise<void> {
  await database.sql`update boocode.chats set epoch = epoch + 1 where id = ${chatId}`;
}

/** Resolves once one statement waits for a lock. */
async function untilOneWaits(): Promise<void> {
  await until(async () => {
    const [row] = await database.sql<{ n: number }[]>`
      select count(*)::int as n from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    return row?.n === 1;
  });
}

/** Everything in the store. */
async function contents(): Promise<unknown> {
  return Promise.all([
    database.sql`select session_id, subpath, ordinal, entry from boocode.claude_session_entries order by ordinal`,
    database.sql`select session_id, mtime, data from boocode.claude_session_summaries order by session_id`,
  ]);
}

function turns(sessionId: string, cwd: string, count: number): Record<string, unknown>[] {
  let parentUuid: string | null = null;
  return Array.from({ length: count }, (_, i) => {
    const role = i % 2 === 0 ? 'user' : 'assistant';
    const text = `${role === 'user' ? 'question' : 'answer'} ${i}\u0000`;
    const uuid = randomUUID();
    const entry = {
      type: role,
      uuid,
      parentUuid,
      sessionId,
      cwd,
      isSidechain: false,
      userType: 'external',
      version: '2.1.330',
      timestamp: new Date(1_767_000_000_000 + i * 1000).toISOString(),
      message: { role, content: role === 'user' ? text : [{ type: 'text', text }] },
    };
    parentUuid = uuid;
    return entry;
  });
}

function toJsonl(entries: Record<string, unknown>[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
}
