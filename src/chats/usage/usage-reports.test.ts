import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newChat } from '../../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import type { UsageQuery, UsageReport } from '../../protocol/usage-report.ts';
import { insertChat } from '../../store/chats.ts';
import { SlowLane } from '../../store/slow-lane.ts';
import { UsageReports } from './usage-reports.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.sql`truncate boocode.usage_ledger`;
});

const now = new Date('2026-11-30T12:00:00Z');
const report = (query: UsageQuery = {}, at = now): Promise<UsageReport> =>
  new UsageReports({ slow: new SlowLane(database.sql), now: () => at }).report({ timeZone: 'UTC', ...query });

interface Entry {
  at: string;
  usd?: number;
  out?: number;
  chat?: string;
  cwd?: string;
  model?: string;
}

async function enter(...entries: Entry[]): Promise<void> {
  for (const { at, usd = 1, out = 10, chat = randomUUID(), cwd = '/d', model = 'm' } of entries) {
    await database.sql`
      insert into boocode.usage_ledger (chat_id, bucket, cwd, model, backend, input_tokens, output_tokens, cache_read_input_tokens,
        cache_creation_input_tokens, unpriced_tokens, cost_usd)
      values (${chat}, ${at}::text::timestamptz, ${cwd}, ${model}, 'claude_sdk', 1, ${out}, 3, 4, 5, ${usd})`;
  }
}

const costs = ({ items }: UsageReport) => items.map(({ key, costUsd }) => [key, costUsd]);
const used = ({ items }: UsageReport) => costs({ items: items.filter(({ costUsd }) => costUsd > 0) } as UsageReport);

describe('USAGE-6: a report', () => {
  test('has the last thirty days, today included, each with a row, and the sum of all', async () => {
    await enter({ at: '2026-11-30T11:45Z' }, { at: '2026-11-01T00:00Z', usd: 2 }, { at: '2026-10-31T23:45Z', usd: 4 });
    const { items, ...rest } = await report();
    expect(rest).toEqual({
      group: 'day',
      from: '2026-11-01T00:00:00.000Z',
      to: '2026-12-01T00:00:00.000Z',
      timeZone: 'UTC',
      other: null,
      total: {
        inputTokens: 2,
        outputTokens: 20,
        cacheReadInputTokens: 6,
        cacheCreationInputTokens: 8,
        unpricedTokens: 10,
        costUsd: 3,
      },
    });
    expect(items).toHaveLength(30);
    expect(items[1]).toEqual({
      key: '2026-11-02',
      inputTokens: 0,
      outputTokens: 0,
      cacheReadInputTokens: 0,
      cacheCreationInputTokens: 0,
      unpricedTokens: 0,
      costUsd: 0,
    });
    expect(used({ items } as UsageReport)).toEqual([
      ['2026-11-01', 2],
      ['2026-11-30', 1],
    ]);
  });

  test('is of the time that was asked for: from, and before to', async () => {
    await enter({ at: '2026-01-01T00:00Z' }, { at: '2026-01-02T12:00Z', usd: 2 }, { at: '2026-01-03T00:00Z', usd: 4 });
    expect(costs(await report({ from: '2026-01-01', to: '2026-01-03' }))).toEqual([
      ['2026-01-01', 1],
      ['2026-01-02', 2],
    ]);
    const late = await report({ from: '2026-01-02T13:00:00+01:00', to: '2026-01-03T00:15:00Z' });
    expect(costs(late)).toEqual([
      ['2026-01-02', 2],
      ['2026-01-03', 4],
    ]);
    expect(late).toMatchObject({ from: '2026-01-02T12:00:00.000Z', to: '2026-01-03T00:15:00.000Z' });
    // Thirty days before the end, and up to the end of today.
    expect(await report({ to: '2026-01-03' })).toMatchObject({
      from: '2025-12-04T00:00:00.000Z',
      total: { costUsd: 3 },
    });
    expect(await report({ from: '2026-01-03' })).toMatchObject({
      to: '2026-12-01T00:00:00.000Z',
      total: { costUsd: 4 },
    });
  });

  test('is by directory or model, the highest cost first, and what belongs to no model has no name', async () => {
    const at = '2026-11-30T00:00Z';
    await enter(
      { at, cwd: '/a', model: 'x' },
      { at, cwd: '/b', model: 'y', usd: 5 },
      { at, cwd: '/a', model: '', usd: 2 },
    );
    expect(costs(await report({ group: 'cwd' }))).toEqual([
      ['/b', 5],
      ['/a', 3],
    ]);
    expect(costs(await report({ group: 'model' }))).toEqual([
      ['y', 5],
      [null, 2],
      ['x', 1],
    ]);
  });

  test('is by chat, with its title, and without one for a deleted chat', async () => {
    const at = '2026-11-30T00:00Z';
    const titled = await insertChat(database.sql, newChat({ title: 'Mine' }));
    const untitled = await insertChat(database.sql, newChat({ cwd: '/some/where' }));
    const deleted = randomUUID();
    await enter({ at, chat: deleted, usd: 1 }, { at, chat: titled.id, usd: 3 }, { at, chat: untitled.id, usd: 2 });
    const { items } = await report({ group: 'chat' });
    expect(items.map(({ key, title }) => [key, title])).toEqual([
      [titled.id, 'Mine'],
      [untitled.id, 'where'],
      [deleted, null],
    ]);
  });

  test('is empty if nothing was used', async () => {
    expect(await report({ group: 'chat' })).toMatchObject({
      items: [],
      other: null,
      total: { costUsd: 0, outputTokens: 0 },
    });
  });

  test.each<[UsageQuery, string, string]>([
    [{ from: '2026-02-30' }, 'from', 'from: "2026-02-30" is no day or time since 1970.'],
    [{ to: '1969-12-31' }, 'to', 'to: "1969-12-31" is no day or time since 1970.'],
    [{ from: '2026-01-02', to: '2026-01-02' }, 'from', 'from: must be before to, which is not included.'],
    [{ from: '2027-01-01' }, 'from', 'from: must be before to, which is not included.'],
    [{ timeZone: 'Mars/Olympus' }, 'timeZone', expect.stringContaining('is not a time zone') as string],
  ])('is refused for %j', async (query, field, message) => {
    await expect(report(query)).rejects.toMatchObject({ code: 'invalid_request', message, details: { field } });
  });
});

describe('USAGE-7: days are those of the time zone', () => {
  test('also when clocks change: one has 23 hours, one has 25', async () => {
    const hours = (from: string, count: number): Entry[] =>
      Array.from({ length: count }, (_, hour) => ({ at: new Date(Date.parse(from) + hour * 3_600_000).toISOString() }));
    await enter(...hours('2026-03-28T00:00Z', 72), ...hours('2026-10-24T00:00Z', 72));
    const timeZone = 'Europe/Berlin';
    expect(costs(await report({ timeZone, from: '2026-03-28', to: '2026-03-31' }))).toEqual([
      ['2026-03-28', 23],
      ['2026-03-29', 23],
      ['2026-03-30', 24],
    ]);
    expect(costs(await report({ timeZone, from: '2026-10-25', to: '2026-10-27' }))).toEqual([
      ['2026-10-25', 25],
      ['2026-10-26', 24],
    ]);
  });

  test('also where they begin at a quarter past, and today is another day', async () => {
    await enter({ at: '2026-11-29T18:00Z' }, { at: '2026-11-29T18:15Z', usd: 2 });
    const timeZone = 'Asia/Kathmandu';
    expect(used(await report({ timeZone }))).toEqual([
      ['2026-11-29', 1],
      ['2026-11-30', 2],
    ]);
    const late = await report({ timeZone }, new Date('2026-11-30T18:15Z'));
    expect(late.items.at(-1)?.key).toBe('2026-12-01');
    expect(late).toMatchObject({ to: '2026-12-01T18:15:00.000Z', timeZone });
  });
});

describe('USAGE-8: a report with more rows than asked for', () => {
  test('has those with the highest cost, and the others in one', async () => {
    const at = '2026-11-30T00:00Z';
    await enter(...[1, 5, 2, 4, 3].map((usd): Entry => ({ at, usd, model: `m${usd}` })));
    const found = await report({ group: 'model', limit: 2 });
    expect(costs(found)).toEqual([
      ['m5', 5],
      ['m4', 4],
    ]);
    expect(found.other).toEqual({
      count: 3,
      inputTokens: 3,
      outputTokens: 30,
      cacheReadInputTokens: 9,
      cacheCreationInputTokens: 12,
      unpricedTokens: 15,
      costUsd: 6,
    });
    expect(found.total.costUsd).toBe(15);
    expect((await report({ group: 'model', limit: 5 })).other).toBeNull();
  });

  test('has the last days, and the earlier ones in one', async () => {
    await enter({ at: '2026-11-30T00:00Z' }, { at: '2026-11-20T00:00Z', usd: 2 }, { at: '2020-01-01T00:00Z', usd: 4 });
    const found = await report({ limit: 2, from: '2019-12-31' });
    expect(costs(found)).toEqual([
      ['2026-11-29', 0],
      ['2026-11-30', 1],
    ]);
    expect(found).toMatchObject({ other: { count: 2525, costUsd: 6 }, total: { costUsd: 7 } });
    expect((await report({ limit: 2, from: '2026-11-28', to: '2026-11-30' })).other).toBeNull();
  });
});
