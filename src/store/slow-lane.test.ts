import { getEventListeners } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { openDatabase } from './database.ts';
import { SlowLane } from './slow-lane.ts';

let database: TestDatabase;
let slow: SlowLane;
beforeAll(async () => {
  database = await createTestDatabase();
  slow = new SlowLane(openDatabase(database.url, { max: 1, oneAtATime: true }));
});
afterAll(async () => {
  await slow.sql.end();
  await database.drop();
});
beforeEach(() => slow.ask((db) => db`select 1`));

const running = async (): Promise<number> => {
  const rows = await database.sql`
    select from pg_stat_activity where state = 'active' and datname = current_database() and query like '%pg_sleep(60)%'
      and pid <> pg_backend_pid()`;
  return rows.length;
};

test('LOG-10: a query that takes too long is reported as such, and ends at the server', async () => {
  const answer = slow.ask((db) => db`select pg_sleep(60)`, { limitMs: 300, late: 'The nap took too long.' });
  await expect(answer).rejects.toMatchObject({
    code: 'query_timeout',
    message: 'The nap took too long. It was cancelled after 0.3 seconds.',
  });
  await until(async () => (await running()) === 0, { what: 'its end at the server' });
  expect(await slow.ask((db) => db<{ one: number }[]>`select 1 as one`)).toEqual([{ one: 1 }]);
});

test('LOG-10: a query nobody waits for any more ends at the server, and one still waiting for its turn is never sent', async () => {
  const gone = new AbortController();
  const first = slow.ask((db) => db`select pg_sleep(60)`, { signal: gone.signal });
  const second = slow.ask((db) => db`select pg_sleep(60), 2`, { signal: gone.signal });
  const ends = Promise.all(
    [first, second].map((each) => expect(each).rejects.toMatchObject({ code: 'query_timeout' })),
  );
  await until(async () => (await running()) === 1, { what: 'the first to run' });
  gone.abort();
  await ends;
  await until(async () => (await running()) === 0, { what: 'its end at the server' });
  await expect(slow.ask((db) => db`select 1`, { signal: gone.signal })).rejects.toMatchObject({
    code: 'query_timeout',
    message: 'The client no longer waits for the answer.',
  });
});

test('LOG-10: retries a query that was cancelled in place of another, or whose connection broke', async () => {
  for (const how of ['pg_cancel_backend', 'pg_terminate_backend'] as const) {
    const answer = slow.ask((db) => db<{ slept: string }[]>`select pg_sleep(0.3)::text as slept`);
    await until(
      async () => {
        const rows = await database.sql`
          select ${database.sql(how)}(pid) from pg_stat_activity
          where state = 'active' and query like '%pg_sleep(0.3)%' and pid <> pg_backend_pid()`;
        return rows.length > 0;
      },
      { what: 'it to run' },
    );
    expect(await answer).toEqual([{ slept: '' }]);
  }
});

test('passes on errors in a query unchanged', async () => {
  await expect(slow.ask((db) => db`select from nowhere`)).rejects.toMatchObject({ code: '42P01' });
});

/** Questions that all fail with this code, and how many were asked. */
function failing(code: string): { question: Parameters<SlowLane['ask']>[0]; count: () => number } {
  let count = 0;
  const question = (): unknown => {
    count += 1;
    return Promise.reject(Object.assign(new Error('It failed.'), { code }));
  };
  return { question: question as Parameters<SlowLane['ask']>[0], count: () => count };
}

test('asks three times if the connection keeps breaking, and once if the query is wrong', async () => {
  const breaking = failing('CONNECTION_CLOSED');
  await expect(slow.ask(breaking.question)).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(breaking.count()).toBe(3);
  const wrong = failing('42P01');
  await expect(slow.ask(wrong.question)).rejects.toMatchObject({ code: '42P01' });
  expect(wrong.count()).toBe(1);
});

test('LOG-10: a query has ten seconds unless told otherwise, and leaves no timer and no listener behind', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    let cancelled = 0;
    const endless = Object.assign(new Promise(() => undefined), { cancel: () => (cancelled += 1) });
    const question = (() => endless) as unknown as Parameters<SlowLane['ask']>[0];
    const answer = slow.ask(question).catch(String);
    vi.advanceTimersByTime(9999);
    expect(cancelled).toBe(0);
    vi.advanceTimersByTime(1);
    expect(cancelled).toBe(1);
    expect(await answer).toContain('The database took too long. It was cancelled after 10 seconds.');
    const { signal } = new AbortController();
    const fine = (() => Promise.resolve([])) as unknown as Parameters<SlowLane['ask']>[0];
    await slow.ask(fine, { signal });
    expect(vi.getTimerCount()).toBe(0);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  } finally {
    vi.useRealTimers();
  }
});
