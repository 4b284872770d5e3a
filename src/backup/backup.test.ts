import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newChat } from '../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { backupTables, leftOutTables, resetColumns } from '../store/backup-tables.ts';
import { insertChat } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { appendEvents, type Lease } from '../store/events.ts';
import { insertHost } from '../store/hosts.ts';
import { claimLease, findOrphanedWork } from '../store/leases.ts';
import { migrate } from '../store/migrate.ts';
import { restoreBackup } from './restore-backup.ts';
import { verifyBackup, writeBackup } from './write-backup.ts';

let directory: string;
let source: TestDatabase;
let lease: Lease;
let file: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'boocode-backup-'));
  source = await createTestDatabase();
  lease = await fillWithEverything(source.sql);
  file = join(directory, 'all.gz');
  await writeBackup({ url: source.url, file, version: '1.2.3' });
});
afterAll(async () => {
  await source.drop();
  await rm(directory, { recursive: true, force: true });
});

let target: TestDatabase;
beforeEach(async () => {
  target = await createTestDatabase();
  await target.sql`drop schema boocode cascade`;
});
afterEach(() => target.drop());

const odd = 'NUL \u0000, half \ud800, "quotes", \\. \\N \t tab,\r\nlines and 漢字';

/** A row in every table, and a chat that is held, in the middle of a turn. */
async function fillWithEverything(sql: Sql): Promise<Lease> {
  const hostId = randomUUID();
  const here = { id: hostId, machine: 'here', name: 'attic', pid: 1, pidStarted: 'then', version: '0' };
  await insertHost(sql, here);
  await insertChat(sql, newChat({ title: 'deleted later' }));
  const { id } = await insertChat(
    sql,
    newChat({ title: odd.replace('\u0000', '').replace('\ud800', ''), host: 'attic' }),
  );
  await sql`delete from boocode.chats where id <> ${id}`;
  const held = (await claimLease(sql, id, hostId, 60_000))!;
  const notice = (message: string) => ({ body: { type: 'notice', level: 'info', code: 'n', message } as const });
  await appendEvents(sql, held, { events: [notice(odd), notice('\\.'), notice('x'.repeat(300_000))] });
  const turn = randomUUID();
  await sql.unsafe(`
    insert into boocode.turns (id, chat_id, epoch, cost_usd) values ('${turn}', '${id}', 1, 0.1);
    insert into boocode.prompts (chat_id, id, seq, content, content_hash) values ('${id}', 'p', 9, '[]', 'h');
    insert into boocode.decisions (id, chat_id, turn_id, kind, title, input)
      values (gen_random_uuid(), '${id}', '${turn}', 'permission', 't', '{}');
    insert into boocode.agent_sessions (chat_id, agent, backend, session_id, model_usage)
      values ('${id}', 'claude', 'claude_sdk', gen_random_uuid(), '{"m": {"costUsd": 0.1}}');
    insert into boocode.usage_ledger (chat_id, bucket, cwd, model, backend, output_tokens, cost_usd)
      values ('${id}', now(), '/d', 'm', 'claude_sdk', 7, 0.1);
    insert into boocode.unfinished_messages values ('${id}', 1, '${turn}', '[]');
    insert into boocode.side_files values ('${id}', 's', 'a/b', 3, now(), '\\x00ff5c0a');
    insert into boocode.worktrees (chat_id, place, state) values ('${id}', '{"path": "/w"}', 'making');
    insert into boocode.schedules (id, chat_id, content, cron, time_zone, missed, is_paused, next_at)
      values (gen_random_uuid(), '${id}', '"\\u0000"', '0 9 * * *', 'UTC', 'skip', true, now());
    insert into boocode.budgets (name, is_set, limit_usd) values ('day', true, 20);
    insert into boocode.directory_trusts (path, digest, files) values ('/tmp', 'd', '[]');
    with secret as (
      insert into boocode.secrets (id, name, person_id, key_id, sealed, set_by)
      values (gen_random_uuid(), 'A_KEY', '${id}', 'k', 'sealed', 'Ada') returning id
    ) insert into boocode.chat_secrets (chat_id, name, secret_id) select '${id}', 'A_KEY', id from secret;
    update boocode.chats set owner_id = 'p1', owner_name = 'Ada', visibility = 'team' where id = '${id}';
    insert into boocode.chat_shares values ('${id}', 'p2', 'Eve', 'reader');
    insert into boocode.audit_log (id, at, act, outcome, details) values (gen_random_uuid(), now(), 'a', 'done', '{"n": "\\u0000"}');
    insert into boocode.claude_session_entries (project_key, session_id, uuid, entry)
      select '${id}', 's', n, '{"n": 1}' from generate_series(1, 3) n;
    insert into boocode.claude_session_summaries values ('${id}', 's', 5, '{}');
    with person as (
      insert into boocode.people (id, name, role, created_by)
      values (gen_random_uuid(), 'Ada ' || '${id}', 'member', 'owner') returning id
    ) insert into boocode.identities (issuer, subject, person_id) select 'https://i', '${id}', id from person;
    insert into boocode.peer_keys (id, secret) values (gen_random_uuid(), 'not to be told');
    insert into boocode.deleted_chats (id) values (gen_random_uuid());
    insert into boocode.search_progress values ('${id}', 1);
    insert into boocode.search_signatures values ('${id}', 1, null);`);
  return held;
}

const restore = (from = file) =>
  restoreBackup({ file: from, version: '1.2.3', openUrl: () => Promise.resolve(target.url) });

async function rowsOf(sql: Sql, table: string): Promise<string[]> {
  const rows = await sql<{ row: string }[]>`select row_to_json(t)::text as row from boocode.${sql(table)} t`;
  const without = [...(resetColumns[table] ?? []), ...(table === 'chats' ? ['epoch'] : [])];
  return rows
    .map(({ row }) =>
      JSON.stringify(JSON.parse(row), (key, value: unknown) => (without.includes(key) ? undefined : value)),
    )
    .toSorted();
}

const refusal = (message: RegExp | string, code = 'invalid_request') => ({
  code,
  message: typeof message === 'string' ? message : (expect.stringMatching(message) as string),
});

/** Its last line again, as whoever changed the others would write it. */
function resealed(text: string): Buffer {
  const lines = text.replace(/\{"end".*/s, '');
  const described = lines.replaceAll(/(\{"table".*?\}\n).*?\\\.\n/gs, '$1');
  const sha256 = createHash('sha256').update(Buffer.from(described, 'latin1')).digest('hex');
  return Buffer.from(`${lines}${JSON.stringify({ end: true, tables: backupTables.length, sha256 })}\n`, 'latin1');
}

/** The backup with its text changed. */
async function changed(change: (text: string) => string): Promise<string> {
  const path = join(directory, `${randomUUID()}.gz`);
  const text = gunzipSync(await readFile(file)).toString('latin1');
  const other = change(text);
  expect(other).not.toBe(text);
  await writeFile(path, gzipSync(Buffer.from(other, 'latin1')));
  return path;
}

test('BACKUP-1: a restored database has the same rows, and what it adds next comes after them', async () => {
  const { tables } = await restore();
  expect(tables.map(({ name }) => name)).toEqual(backupTables);
  for (const table of backupTables) {
    const rows = await rowsOf(source.sql, table);
    expect(rows).not.toEqual([]);
    expect({ table, rows: await rowsOf(target.sql, table) }).toEqual({ table, rows });
  }
  // It may have been worked in since.
  expect(await target.sql`select state from boocode.worktrees`).toEqual([{ state: 'ready' }]);
  for (const table of ['hosts', 'peer_keys', 'deleted_chats', 'search_signatures', 'search_progress']) {
    expect(await rowsOf(target.sql, table)).toEqual([]);
  }
  const before = await target.sql<{ ordinal: number }[]>`select ordinal from boocode.chats`;
  expect((await insertChat(target.sql, newChat())).ordinal).toBe(before[0]!.ordinal + 1);
  expect(await migrate(target.sql)).toEqual({ applied: [] });
});

test('BACKUP-2: a restored chat is free, its work is waiting, and nobody from before can write to it', async () => {
  const { pinned } = await restore();
  expect(pinned).toEqual([{ host: 'attic', chats: 1 }]);
  const [[chat], [old]] = [
    await target.sql`select * from boocode.chats`,
    await source.sql`select * from boocode.chats`,
  ];
  expect(old?.['owner_host']).not.toBeNull();
  expect(chat).toMatchObject({ owner_host: null, lease_until: null, next_host: null });
  // A log is another one than that which readers of the old database know.
  expect(chat?.['log_id'] === undefined || chat['log_id'] !== old?.['log_id']).toBe(true);
  const hostId = randomUUID();
  await insertHost(target.sql, { id: hostId, machine: 'm', name: 'attic', pid: 1, pidStarted: 'x', version: '0' });
  expect(await findOrphanedWork(target.sql, hostId, 10)).toEqual([lease.chatId]);
  const next = (await claimLease(target.sql, lease.chatId, hostId, 60_000))!;
  expect(next.nextSeq).toBe(lease.nextSeq);
  expect(next.epoch).toBeGreaterThan(Date.now() - 60_000);
});

test('BACKUP-1: every table of the schema is either in a backup or left out for a reason', async () => {
  const rows = await source.sql<{ name: string }[]>`
    select relname::text as name from pg_class where relnamespace = 'boocode'::regnamespace and relkind = 'r'`;
  const known = [...backupTables, ...Object.keys(leftOutTables)];
  expect(rows.map(({ name }) => name).toSorted()).toEqual(known.toSorted());
});

test('BACKUP-1: no secret of the old servers is in a backup, and only its owner can read it', async () => {
  const text = gunzipSync(await readFile(file)).toString();
  expect(text).toContain('漢字');
  expect(text).not.toContain('not to be told');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

describe('a file that is not what was written', () => {
  async function isUntouched(): Promise<boolean> {
    const [row] = await target.sql<{ found: boolean }[]>`select to_regnamespace('boocode') is not null as found`;
    return row?.found === false;
  }

  test('BACKUP-3: cut off anywhere, it is refused before anything is written', async () => {
    const whole = await readFile(file);
    const cut = join(directory, 'cut.gz');
    for (const bytes of [0, 5, 18, 200, whole.length >> 1, whole.length - 9, whole.length - 8, whole.length - 1]) {
      await writeFile(cut, whole.subarray(0, bytes));
      const error = bytes < 9 ? /is not a backup/ : /^The backup \S+ is cut off: its end is missing\.$/;
      await expect(restore(cut), `cut at ${bytes}`).rejects.toMatchObject(refusal(error));
    }
    await writeFile(cut, gzipSync(gunzipSync(whole).subarray(0, -200)));
    await expect(restore(cut)).rejects.toMatchObject(refusal(/is cut off/));
    expect(await isUntouched()).toBe(true);
  });

  test('BACKUP-3: with any byte changed, or more behind its end, it is refused', async () => {
    const whole = await readFile(file);
    const other = join(directory, 'other.gz');
    const systemByte = 9;
    for (let at = 0; at < whole.length; at += Math.max(1, Math.min(at, 97))) {
      if (at === systemByte) continue;
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 0xff;
      await writeFile(other, bytes);
      await expect(verifyBackup(other), `byte ${at}`).rejects.toMatchObject({ code: 'invalid_request' });
    }
    for (const more of [Buffer.from('x'), whole, gzipSync('x')]) {
      await writeFile(other, Buffer.concat([whole, more]));
      await expect(verifyBackup(other)).rejects.toMatchObject(refusal(/^The backup /));
    }
  });

  test('BACKUP-3: its checksums, its numbers of rows and its end are checked', async () => {
    const check = async (change: (text: string) => string, error: RegExp): Promise<void> =>
      expect(restore(await changed(change))).rejects.toMatchObject(refusal(error));
    await check((text) => text.replace('xxxx', 'xxxy'), /damaged or was changed: the checksum of events is wrong/);
    await check((text) => text.replace('{"rows":3,', '{"rows":4,'), /events has 3 rows instead of 4/);
    await check((text) => text.replace('"version":"1.2.3"', '"version":"1.2.4"'), /its end does not fit/);
    await check((text) => text.replace(/\{"table":"turns"[^}]*\}\n.*?\{"rows".*?\}\n/s, ''), /its end does not fit/);
    await check((text) => text.replace('BooCode', 'Boocode'), /does not begin as a backup does/);
    await check((text) => text.replace('{"table"', '{"tables"'), /a line that describes it is not readable/);
    expect(await isUntouched()).toBe(true);
  });

  test('BACKUP-3: another format, and what is no backup at all, is refused in words', async () => {
    await expect(restore(await changed((text) => text.replace('backup 1', 'backup 2')))).rejects.toMatchObject(
      refusal(/has the format 2, but this BooCode reads only format 1: use a newer BooCode\.$/),
    );
    const other = join(directory, 'other.txt');
    await writeFile(other, 'something else, which is longer');
    await expect(restore(other)).rejects.toMatchObject(refusal(`${other} is not a backup of BooCode.`));
    await expect(restore(directory)).rejects.toMatchObject(refusal(`${directory} is not a file.`));
    await expect(restore('/nowhere')).rejects.toMatchObject(refusal('The file /nowhere does not exist.'));
  });
});

describe('a schema of another version', () => {
  const migrations = new URL('../../migrations/', import.meta.url);
  const known = async (): Promise<string[]> =>
    (await readdir(migrations)).filter((name) => name.endsWith('.sql')).toSorted();

  // The first one, before and after a change that moves data between tables, and the last but one.
  test.each([1, 9, 14, -1])('BACKUP-4: a backup of schema version %i gets the newer migrations', async (last) => {
    const files = (await known()).slice(0, last);
    const first = await mkdtemp(join(directory, 'migrations-'));
    for (const name of files) await writeFile(join(first, name), await readFile(new URL(name, migrations)));
    const old = await createTestDatabase();
    try {
      await old.sql`drop schema boocode cascade`;
      await migrate(old.sql, { directory: first });
      await old.sql`insert into boocode.chats (id, title, cwd, backend)
        select gen_random_uuid(), n, '/', 'claude_sdk' from generate_series(1, 3) n`;
      await old.sql`insert into boocode.events (chat_id, seq, type, payload)
        select id, ordinal, 'notice', '{"type": "notice"}' from boocode.chats`;
      const path = join(directory, `schema-${last}.gz`);
      const { header } = await writeBackup({ url: old.url, file: path, version: '0.0.1' });
      expect(header.schema.server).toHaveLength(files.length);
      await restore(path);
      expect(await migrate(target.sql)).toEqual({ applied: [] });
      const applied = await target.sql<{ name: string }[]>`select name from boocode.migrations order by version`;
      expect(applied.map(({ name }) => name)).toEqual(await known());
      const read = (sql: Sql) =>
        sql`select id, title, seq from boocode.chats join boocode.events on chat_id = id order by seq`;
      expect([...(await read(target.sql))]).toEqual([...(await read(old.sql))]);
      expect(await read(target.sql)).toHaveLength(3);
    } finally {
      await old.drop();
    }
  });

  test('BACKUP-4: a backup of a newer schema is refused with both versions', async () => {
    const newest = Math.max(...(await known()).map((name) => Number.parseInt(name, 10)));
    const newer = await changed((text) => text.replace(/("server":\[[^\]]*)/, '$1,99'));
    const path = join(directory, 'newer.gz');
    await writeFile(path, gzipSync(resealed(gunzipSync(await readFile(newer)).toString('latin1'))));
    await expect(restore(path)).rejects.toMatchObject(
      refusal(
        `The backup has schema version 99 (BooCode 1.2.3), but this BooCode 1.2.3 knows only ${newest}: use a newer BooCode.`,
      ),
    );
  });

  test('BACKUP-4: a database of a newer schema is not backed up', async () => {
    await migrate(target.sql);
    await target.sql`insert into boocode.migrations (version, name) values (99, '000099.sql')`;
    const path = join(directory, 'never.gz');
    await expect(writeBackup({ url: target.url, file: path, version: '1' })).rejects.toMatchObject(
      refusal(/^The database has schema version 99, .* start a newer BooCode\.$/, 'storage_unavailable'),
    );
  });
});
