import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { openPostgresProxy, type PostgresProxy } from '../../test/support/postgres-proxy.ts';
import { until } from '../../test/support/until.ts';
import { Health } from './health.ts';

let database: TestDatabase;
let proxy: PostgresProxy;
let here: ChatsHost;
let clock: ManualClock;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  clock = new ManualClock();
  proxy = await openPostgresProxy(database.url);
  here = await openChatsHost(database.url, { clock, url: proxy.url });
});
afterEach(async () => {
  proxy.isFrozen = false;
  await here.close();
  await proxy.close();
});

describe('DATA-6: health covers', () => {
  test('a database that is up, down, back and half-open', async () => {
    expect(await here.chats.health()).toBeNull();
    await proxy.goDown();
    // The last answer is reused for a second.
    expect(await here.chats.health()).toBeNull();
    clock.advance(1_000);
    expect(await here.chats.health()).toBe('database_unreachable');
    await proxy.comeUp();
    await until(async () => (await here.chats.health()) === null);
    clock.advance(1_000);
    proxy.isFrozen = true;
    // It answers before the command line or a load balancer gives up. Of two timers the earlier one fires first, however
    // busy the machine is.
    const tooLate = new Promise((resolve) => setTimeout(() => resolve('too late'), 2_900).unref());
    expect(await Promise.race([here.chats.health(), tooLate])).toBe('database_unreachable');
  });

  test('a read-only database', async () => {
    const [{ name } = { name: '' }] = await database.sql<{ name: string }[]>`select current_database() as name`;
    await database.sql.unsafe(`alter database ${name} set default_transaction_read_only = on`);
    proxy.cutAll();
    try {
      await until(async () => (await here.chats.health()) === 'database_read_only');
      await expect(here.createChat()).rejects.toMatchObject({
        code: 'storage_unavailable',
        message: expect.stringMatching(/is read-only/) as string,
      });
    } finally {
      await database.sql.unsafe(
        `set default_transaction_read_only = off; alter database ${name} reset default_transaction_read_only`,
      );
    }
    proxy.cutAll();
    await until(async () => (await here.chats.health()) === null);
  });

  test('a database whose disk is full', async () => {
    // The error Postgres raises when there is no room for a table.
    await database.sql.unsafe(`
      create function no_room() returns event_trigger language plpgsql as
        $$ begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$;
      create event trigger no_room on ddl_command_start when tag in ('CREATE TABLE AS') execute function no_room()`);
    try {
      clock.advance(1_000);
      expect(await here.chats.health()).toBe('database_full');
    } finally {
      await database.sql.unsafe('drop event trigger no_room; drop function no_room()');
    }
    expect(await here.chats.health()).toBeNull();
  });

  test('a user who may not create temporary tables, which is no fault', async () => {
    await database.sql.unsafe(`
      create function no_tables() returns event_trigger language plpgsql as
        $$ begin raise exception 'permission denied' using errcode = 'insufficient_privilege'; end $$;
      create event trigger no_tables on ddl_command_start when tag in ('CREATE TABLE AS') execute function no_tables()`);
    try {
      clock.advance(1_000);
      expect(await here.chats.health()).toBeNull();
    } finally {
      await database.sql.unsafe('drop event trigger no_tables; drop function no_tables()');
    }
  });

  test('a host that hands its chats over, and one that stops', async () => {
    await here.host.draining.start();
    expect(await here.chats.health()).toBe('draining');
    await here.host.drain();
    expect(await here.chats.health()).toBe('stopping');
  });
});

test('DATA-6: health repeats a good result for a second, and asks again after a bad one', async () => {
  clock.advance(10_000);
  let looks = 0;
  let failure: Error | undefined;
  const probe = (): Promise<void> => {
    looks += 1;
    return failure ? Promise.reject(failure) : Promise.resolve();
  };
  const health = new Health({ clock, probe, refuses: () => null, isTrusted: () => true });
  const asked = async () => [await health.check(), looks];
  expect(await asked()).toEqual([null, 1]);
  clock.advance(999);
  expect(await asked()).toEqual([null, 1]);
  clock.advance(1);
  expect(await asked()).toEqual([null, 2]);
  clock.advance(1_000);
  // An input or output error of its disk, and one that nobody foresaw.
  failure = Object.assign(new Error('io'), { code: '58030' });
  expect(await asked()).toEqual(['database_refuses', 3]);
  failure = new Error('odd');
  expect(await asked()).toEqual(['database_refuses', 4]);
});

test('DATA-6: health reports expired leases, and does not repeat an unanswered probe', async () => {
  let looks = 0;
  let isTrusted = true;
  let answer = (): void => {};
  const probe = (): Promise<void> => {
    looks += 1;
    return looks === 1 ? new Promise((resolve) => (answer = resolve)) : Promise.resolve();
  };
  const health = new Health({ clock, probe, refuses: () => null, isTrusted: () => isTrusted });
  const [first, second] = await Promise.all([health.check(), health.check()]);
  expect([first, second, looks]).toEqual(['database_unreachable', 'database_unreachable', 1]);
  answer();
  expect([await health.check(), looks]).toEqual([null, 1]);
  isTrusted = false;
  expect(await health.check()).toBe('leases_expired');
});

test('DATA-21: health tells a database that answers late from one that does not answer', async () => {
  vi.useFakeTimers();
  try {
    // Not the host's: it would begin to work while no timer fires.
    const own = new ManualClock();
    const answers: (() => void)[] = [];
    const probe = (): Promise<void> => new Promise((resolve) => answers.push(resolve));
    const health = new Health({ clock: own, probe, refuses: () => null, isTrusted: () => true });
    const unanswered = async () => {
      const checked = health.check();
      own.advance(3_000);
      await vi.advanceTimersByTimeAsync(3_000);
      return checked;
    };
    // Silence may have either cause.
    expect(await unanswered()).toBe('database_unreachable');
    answers[0]!();
    expect(await unanswered()).toBe('database_slow');
    answers[1]!();
    expect(await unanswered()).toBe('database_slow');
    const prompt = health.check();
    answers[3]!();
    expect(await prompt).toBeNull();
    own.advance(1_000);
    expect(await unanswered()).toBe('database_unreachable');
  } finally {
    vi.useRealTimers();
  }
});
