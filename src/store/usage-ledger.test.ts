import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newChat } from '../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { noUsage } from '../protocol/usage.ts';
import { bookUsage, openAgentSession, setSessionBackend } from './agent-sessions.ts';
import { deleteChat, insertChat, type NewChat } from './chats.ts';
import { appendEvents, type Lease } from './events.ts';
import { migrate } from './migrate.ts';
import { sumUsage, type UsageShare } from './usage-ledger.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

async function openChat(rest: Partial<NewChat> = {}): Promise<Lease> {
  const { id } = await insertChat(database.sql, newChat(rest));
  const lease = { chatId: id, hostId: randomUUID(), epoch: 0, nextSeq: 1 };
  await openAgentSession(database.sql, lease, { agent: 'claude', backend: 'claude_sdk', sessionId: randomUUID() });
  return lease;
}

const cost = (outputTokens: number, costUsd: number) => ({ ...noUsage, outputTokens, costUsd });
const book = (lease: Lease, share: UsageShare, options: Parameters<typeof bookUsage>[4] = {}) =>
  appendEvents(database.sql, lease, {
    events: [{ body: { type: 'notice', level: 'info', code: 'test', message: 'booked' } }],
    side: (db) => bookUsage(db, lease, 'claude', share, options),
  });
const rows = (chatId: string) => database.sql`
  select cwd, model, backend, output_tokens as out, unpriced_tokens as unpriced, cost_usd as usd from boocode.usage_ledger
  where chat_id = ${chatId} order by bucket, model, cwd, backend`;

describe('USAGE-3: what a chat used', () => {
  test('is entered under the quarter of an hour, the directory, the model and the engine, and added up', async () => {
    const lease = await openChat({ cwd: '/one' });
    const share = { costUsd: 0.75, models: { a: cost(3, 0.25), b: cost(1, 0.5) } };
    await book(lease, share);
    await book(lease, share);
    expect(await rows(lease.chatId)).toEqual([
      { cwd: '/one', model: 'a', backend: 'claude_sdk', out: 6, unpriced: 0, usd: 0.5 },
      { cwd: '/one', model: 'b', backend: 'claude_sdk', out: 2, unpriced: 0, usd: 1 },
    ]);
    await database.sql`update boocode.chats set cwd = '/two' where id = ${lease.chatId}`;
    await setSessionBackend(database.sql, lease, 'claude', 'claude_pty');
    await book(lease, { costUsd: 1, models: { a: cost(1, 1) } });
    expect(await rows(lease.chatId)).toMatchObject([
      { cwd: '/one', model: 'a', backend: 'claude_sdk', out: 6 },
      { cwd: '/two', model: 'a', backend: 'claude_pty', out: 1 },
      { model: 'b' },
    ]);
    const [times] = await database.sql`
      select every(bucket > now() - interval '20 minutes' and bucket <= now()) as near,
        every(extract(epoch from bucket) % 900 = 0) as quarters
      from boocode.usage_ledger`;
    expect(times).toEqual({ near: true, quarters: true });
  });

  test('in a worktree of its own counts for the directory that it was made for', async () => {
    const lease = await openChat({ cwd: '/trees/x/src' });
    const place = { path: '/trees/x', directory: '/repository/src' };
    await database.sql`insert into boocode.worktrees (chat_id, place) values (${lease.chatId}, ${JSON.stringify(place)}::text::json)`;
    await book(lease, { costUsd: 1, models: { a: cost(1, 1) } });
    await database.sql`update boocode.chats set cwd = '/trees/xy' where id = ${lease.chatId}`;
    await book(lease, { costUsd: 1, models: { a: cost(1, 1) } });
    expect(await rows(lease.chatId)).toMatchObject([{ cwd: '/repository/src' }, { cwd: '/trees/xy' }]);
  });

  test('is entered whatever names and numbers there are', async () => {
    const long = `/${'x'.repeat(4000)}`;
    const lease = await openChat({ cwd: long });
    const name = `m\u0000${'y'.repeat(4000)}`;
    await book(lease, { costUsd: 2, models: { [name]: cost(0.4 + 1, 0.5), '': cost(1, 0.25), huge: cost(1e300, 0) } });
    await book(lease, { costUsd: 0, models: { nothing: cost(0, 0) } });
    expect(await rows(lease.chatId)).toMatchObject([
      { model: '', out: 1, usd: 1.5 },
      { model: 'huge', out: 1e12 },
      { model: name.replace('\u0000', '\u2400'), out: 1, usd: 0.5, cwd: long },
    ]);
    await book(lease, { costUsd: 0.5, models: {} });
    expect(await sumUsage(database.sql, { chatId: lease.chatId })).toMatchObject({ costUsd: 2.5 });
  });
});

test('USAGE-2: what a chat used remains when it is deleted', async () => {
  const lease = await openChat();
  await book(lease, { costUsd: 1, models: { a: cost(1, 1) } });
  expect(await deleteChat(database.sql, lease)).toBe(true);
  expect(await sumUsage(database.sql, { chatId: lease.chatId })).toMatchObject({ costUsd: 1, outputTokens: 1 });
});

describe('USAGE-4: tokens whose cost is not known yet', () => {
  test('are told apart until their dollars come, which those of another model do not change', async () => {
    const lease = await openChat();
    const others = await openChat();
    for (const each of [lease, others]) {
      await book(each, { costUsd: 0, models: { a: cost(5, 0), b: cost(2, 0) }, unpriced: { a: 5, b: 2 } });
    }
    // One row of an earlier time, and one of now.
    await database.sql`update boocode.usage_ledger set bucket = bucket - interval '1 hour'`;
    await book(lease, { costUsd: 0, models: { a: cost(3, 0) }, unpriced: { a: 3 } });
    const unpriced = async (chatId: string): Promise<number> =>
      (await sumUsage(database.sql, { chatId })).unpricedTokens;
    expect(await unpriced(lease.chatId)).toBe(10);
    await book(lease, { costUsd: 1, models: { a: cost(1, 1) } });
    expect(await unpriced(lease.chatId)).toBe(10);
    await book(lease, { costUsd: 1, models: { a: cost(0, 1) } }, { isLate: true });
    expect(await unpriced(lease.chatId)).toBe(2);
    expect(await unpriced(others.chatId)).toBe(7);
    expect(await sumUsage(database.sql, { chatId: lease.chatId })).toMatchObject({ outputTokens: 11, costUsd: 2 });
  });
});

test('USAGE-1: sums are of a chat, of a time, or of everything', async () => {
  const lease = await openChat();
  await book(lease, { costUsd: 1, models: { a: cost(1, 1) } });
  await database.sql`update boocode.usage_ledger set bucket = '2026-01-01T10:15Z' where chat_id = ${lease.chatId}`;
  await book(lease, { costUsd: 2, models: { a: cost(1, 2) } });
  const { chatId } = lease;
  const at = (minutes: number): Date => new Date(Date.UTC(2026, 0, 1, 10, minutes));
  const usd = async (range: Parameters<typeof sumUsage>[1]) => (await sumUsage(database.sql, range)).costUsd;
  expect(await usd({ chatId })).toBe(3);
  expect(await usd({ chatId, from: at(15), to: at(30) })).toBe(1);
  expect(await usd({ chatId, from: at(30) })).toBe(2);
  expect(await usd({ chatId, to: at(15) })).toBe(0);
  expect(await usd({ from: at(0), to: at(30) })).toBe(1);
  expect(await usd({ chatId: randomUUID() })).toBe(0);
});

describe('USAGE-5: an older database', () => {
  test('gets what its chats have used, by model, at the times of their turns', async () => {
    const { sql } = database;
    await sql`delete from boocode.chats`;
    const made = async (models: object, usd: number, turns: (readonly [string, number, number | null])[]) => {
      const { chatId } = await openChat({ cwd: '/old' });
      await sql`
        update boocode.agent_sessions set model_usage = ${JSON.stringify(models)}::text::jsonb, cost_usd = ${usd},
          updated_at = '2026-02-03T04:05Z' where chat_id = ${chatId}`;
      for (const [at, out, costUsd] of turns) {
        await sql`
          insert into boocode.turns (id, chat_id, epoch, outcome, usage, cost_usd, finished_at) values (
            gen_random_uuid(), ${chatId}, 0, 'completed', ${JSON.stringify({ ...noUsage, outputTokens: out })}::text::json,
            ${costUsd}, ${at}::text::timestamptz)`;
      }
      return chatId;
    };
    const [early, late] = ['2026-01-01T10:29:59Z', '2026-01-01T10:30:00Z'];
    const one = await made({ a: cost(9, 3), b: cost(1, 1) }, 4.5, [
      [early, 3, 1],
      [late, 7, 3],
    ]);
    // A fork: what it copied has no cost.
    const fork = await made({ a: cost(2, 0.5) }, 0.5, [
      [early, 10, null],
      [late, 2, 0.5],
    ]);
    // A session that cost something beside its turns alone.
    const aside = await made({ a: { ...cost(2, 0.5), inputTokens: 7 } }, 0.5, []);
    await made({}, 0, [[late, 0, 0]]);
    const absurd = await made({ a: { ...cost(1e300, 1), inputTokens: -5 } }, 1, [
      [early, 1e300, 0.5],
      [late, 1e300, 0.5],
    ]);
    await sql`drop table boocode.usage_ledger`;
    await sql`delete from boocode.migrations where version = 32`;
    await migrate(sql);
    const filled = (chatId: string) => sql`
      select to_char(bucket at time zone 'UTC', 'MM-DD HH24:MI') as at, model, input_tokens as in, output_tokens as out, cost_usd as usd
      from boocode.usage_ledger where chat_id = ${chatId} order by bucket, model`;
    expect(await filled(one)).toEqual([
      { at: '01-01 10:15', model: '', in: 0, out: 0, usd: 0.125 },
      { at: '01-01 10:15', model: 'a', in: 0, out: 3, usd: 0.75 },
      { at: '01-01 10:15', model: 'b', in: 0, out: 0, usd: 0.25 },
      { at: '01-01 10:30', model: '', in: 0, out: 0, usd: 0.375 },
      { at: '01-01 10:30', model: 'a', in: 0, out: 6, usd: 2.25 },
      { at: '01-01 10:30', model: 'b', in: 0, out: 1, usd: 0.75 },
    ]);
    expect(await filled(fork)).toEqual([{ at: '01-01 10:30', model: 'a', in: 0, out: 2, usd: 0.5 }]);
    // As it would be booked now.
    expect(await filled(absurd)).toEqual([
      { at: '01-01 10:15', model: 'a', in: 0, out: 5e11, usd: 0.5 },
      { at: '01-01 10:30', model: 'a', in: 0, out: 5e11, usd: 0.5 },
    ]);
    expect(await filled(aside)).toEqual([{ at: '02-03 04:00', model: 'a', in: 7, out: 2, usd: 0.5 }]);
    expect(await sql`select distinct cwd, backend from boocode.usage_ledger`).toEqual([
      { cwd: '/old', backend: 'claude_sdk' },
    ]);
    expect(await sumUsage(sql)).toMatchObject({ costUsd: 6.5, outputTokens: 1e12 + 14, inputTokens: 7 });
  });

  test('names the table by the number of its migration', async () => {
    const text = await readFile(new URL('../../migrations/000032.sql', import.meta.url), 'utf8');
    expect(text).toContain('create table usage_ledger');
  });
});
