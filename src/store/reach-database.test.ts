import { expect, test, vi } from 'vitest';
import type { Sql } from './database.ts';
import { firstAnswer, reachDatabase } from './reach-database.ts';

const url = 'postgres://me@db:5432/work';
const base = { host: ['db'], port: [5432], path: false, user: 'me', database: 'work', connect_timeout: 5 };
const server = { name: 'PostgresError' };

/** What a user is told when the first query fails like this. */
async function told(failure: object, options: object = {}): Promise<string> {
  const cause = Object.assign(new Error('the server’s words'), failure);
  const sql = { options: { ...base, ...options } } as unknown as Sql;
  const error: unknown = await firstAnswer(sql, Promise.reject(cause)).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'storage_unavailable', cause });
  return (error as Error).message;
}

test.each<[string, object, string]>([
  ['no such database', { code: '3D000' }, `There is no database “work” at ${url}: create it, or correct DATABASE_URL.`],
  ['our own connection failed', { code: '08001', message: 'All of it.' }, 'All of it.'],
  [
    'a refused user',
    { code: '28000' },
    `The database at ${url} refuses the user “me”: the server’s words. Check the user in DATABASE_URL.`,
  ],
  [
    'a wrong password',
    { code: '28P01' },
    `The database at ${url} refuses the user “me”: check the user and the password in DATABASE_URL.`,
  ],
  [
    'too many connections',
    { code: '53300' },
    `The database at ${url} has no connections left (max_connections): close others, or allow more.`,
  ],
  [
    'a starting server',
    { code: '57P03' },
    `The database at ${url} is starting up or shutting down: try again shortly.`,
  ],
  ...['ENOTFOUND', 'EAI_AGAIN'].map((code): [string, object, string] => [
    `an unknown host (${code})`,
    { code },
    `The database at ${url} cannot be reached: its host name is unknown. Check DATABASE_URL.`,
  ]),
  [
    'silence',
    { code: 'ANSWER_LOST' },
    `The database at ${url} does not answer: check that Postgres is running there, and what is in between.`,
  ],
  [
    'the system’s error',
    { code: 'ECONNREFUSED' },
    `The database at ${url} cannot be reached (ECONNREFUSED): check DATABASE_URL, and that Postgres is running there.`,
  ],
  [
    'the server’s error',
    { code: 'XX000', ...server },
    `The database at ${url} cannot be reached (the server’s words): check DATABASE_URL, and that Postgres is running there.`,
  ],
  [
    'an error without a code',
    {},
    `The database at ${url} cannot be reached (the server’s words): check DATABASE_URL, and that Postgres is running there.`,
  ],
])('DATA-7: says what to do about %s', async (_, failure, sentence) => {
  expect(await told(failure)).toBe(sentence);
});

test.each([
  ['no pg_hba.conf entry for host "::1", no encryption', ', or use sslmode=require.'],
  ['no pg_hba.conf entry for host "::1", SSL off', ', or use sslmode=require.'],
  ['no pg_hba.conf entry for host "::1", SSL encryption', ', or use sslmode=disable.'],
  ['no pg_hba.conf entry for host "::1", SSL on', ', or use sslmode=disable.'],
  ['connection requires a valid client certificate', ', sslcert and sslkey.'],
])('DATA-7: names the parameter to change if the server says: %s', async (message, advice) => {
  expect(await told({ code: '28000', message })).toBe(
    `The database at ${url} refuses the user “me”: ${message}. Check the user in DATABASE_URL${advice}`,
  );
});

test('DATA-7: names every host, or the socket, and what was required of the hosts', async () => {
  const hosts = { host: ['one', '::2'], port: [1, 2] };
  expect(await told({ code: '57P03' }, hosts)).toContain('at postgres://me@one:1,[::2]:2/work is');
  expect(await told({ code: '57P03' }, { ...hosts, port: [1] })).toContain('at postgres://me@one:1,[::2]:1/work is');
  expect(await told({ code: '57P03' }, { path: '/run/.s.PGSQL.1' })).toContain(
    'at postgres://me@/run/.s.PGSQL.1/work is',
  );
  expect(await told({ code: 'ANSWER_LOST' }, { ...hosts, target_session_attrs: 'read-write' })).toBe(
    'None of the hosts of postgres://me@one:1,[::2]:2/work answers and accepts writes (target_session_attrs=read-write).',
  );
});

test('the database is asked once on each connection, and has ten seconds more than a connection may take', async () => {
  const asked: string[] = [];
  let answer: Promise<unknown> = Promise.resolve([]);
  const ask = ([text = '']: string[]): Promise<unknown> => {
    asked.push(text);
    return answer;
  };
  const sql = Object.assign(ask, { options: base }) as unknown as Sql;
  await reachDatabase(sql);
  await reachDatabase(sql, 3);
  expect(asked).toEqual(Array.from({ length: 4 }, () => 'select 1'));
  vi.useFakeTimers();
  try {
    answer = new Promise(() => undefined);
    const outcome = reachDatabase(sql).catch(String);
    await vi.advanceTimersByTimeAsync(14_999);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(vi.getTimerCount()).toBe(0);
    expect(await outcome).toContain('does not answer');
  } finally {
    vi.useRealTimers();
  }
});
