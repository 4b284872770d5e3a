import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newChat } from '../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { insertChat } from './chats.ts';
import type { Sql } from './database.ts';
import { appendEvents, type Lease, type NewEvent, readEvents } from './events.ts';
import { insertHost } from './hosts.ts';
import { claimLease } from './leases.ts';
import { FencedError } from './storage-error.ts';

let database: TestDatabase;
let lease: Lease;
const hostId = randomUUID();
beforeAll(async () => {
  database = await createTestDatabase();
  await insertHost(database.sql, { id: hostId, machine: 'here', pid: 1, pidStarted: 'then', version: '0' });
});
afterAll(() => database.drop());
beforeEach(async () => {
  const { id } = await insertChat(database.sql, newChat());
  lease = await claim(id);
});

const claim = async (id: string): Promise<Lease> => {
  await database.sql`update boocode.chats set owner_host = null, lease_until = null where id = ${id}`;
  return (await claimLease(database.sql, id, hostId, 60_000))!;
};

type Fault =
  /** The write is committed, but its answer is lost. */
  | 'answer lost'
  | 'answer empty'
  /** The write never arrives. */
  | 'never sent'
  /** It arrives after the next one was sent, but before it is carried out. */
  | 'late'
  | 'none';

/** A client whose writes to the log meet these faults, one after the other. */
function faulty(faults: Fault[], onRead = (): void => undefined): Sql {
  const lost = (): never => {
    throw Object.assign(new Error('gone'), { code: 'CONNECTION_CLOSED' });
  };
  let held: PromiseLike<unknown> | undefined;
  return new Proxy(database.sql, {
    apply(target, self, given: [TemplateStringsArray]) {
      const query = Reflect.apply(target as (...all: unknown[]) => PromiseLike<object[]>, self, given);
      const isWrite = Array.isArray(given[0]) && given[0][0]?.trim().startsWith('with fence') === true;
      if (Array.isArray(given[0]) && given[0][0]?.includes('select epoch')) onRead();
      if (!isWrite) return query;
      const before = held;
      held = undefined;
      switch (faults.shift() ?? 'none') {
        case 'answer lost':
          return query.then(lost);
        case 'answer empty':
          return query.then(() => []);
        case 'late':
          held = query;
          return Promise.resolve().then(lost);
        case 'never sent':
          return Promise.resolve().then(lost);
        case 'none':
          return before ? before.then(() => query) : query;
      }
    },
  });
}

const events: NewEvent[] = ['one', 'two'].map((message) => ({
  body: { type: 'notice', level: 'info', code: 'test', message },
}));
const stored = () => readEvents(database.sql, lease.chatId, { after: 0, limit: 10 });

test.each<[string, Fault[]]>([
  ['whose answer was lost', ['answer lost']],
  ['whose answer the driver took for empty', ['answer empty']],
  ['that never arrived', ['never sent', 'never sent', 'never sent']],
  ['that arrived while it was written again', ['late']],
])('LOG-8: a write %s is stored once, and its events returned', async (_, faults) => {
  await appendEvents(database.sql, lease, { events: events.slice(0, 1) });
  const attempts: number[] = [];
  const wanted = faults.map((__, index) => index + 1);
  const retry = (attempt: number): Promise<boolean> => Promise.resolve(attempts.push(attempt) > 0);
  const written = await appendEvents(faulty(faults), lease, { events }, { retry });
  expect(written).toEqual((await stored()).slice(1));
  expect(written).toMatchObject([
    { seq: 2, message: 'one' },
    { seq: 3, message: 'two' },
  ]);
  expect(attempts).toEqual(wanted);
  expect(lease.nextSeq).toBe(4);
});

test('a write whose answer arrives costs no look at what is stored', async () => {
  let reads = 0;
  const count = (): void => void (reads += 1);
  await appendEvents(faulty([], count), lease, { events });
  expect(reads).toBe(0);
  await appendEvents(faulty(['never sent'], count), lease, { events }, { retry: () => Promise.resolve(true) });
  expect(reads).toBe(1);
});

test('LOG-8: a lost write is given up if it is not to be tried again', async () => {
  const write = { events };
  const gone = { code: 'CONNECTION_CLOSED' };
  await expect(appendEvents(faulty(['never sent']), lease, write)).rejects.toMatchObject(gone);
  const retry = (): Promise<boolean> => Promise.resolve(false);
  await expect(appendEvents(faulty(['never sent']), lease, write, { retry })).rejects.toMatchObject(gone);
  expect(await stored()).toEqual([]);
  expect(lease.nextSeq).toBe(1);
});

test('FENCE-1: a lost write is not mistaken for what the chat’s next holder has written, nor written after it', async () => {
  const takeOver = async (): Promise<boolean> => {
    const next = await claim(lease.chatId);
    await appendEvents(database.sql, next, { events: events.toReversed() });
    return true;
  };
  await expect(appendEvents(faulty(['never sent']), lease, { events }, { retry: takeOver })).rejects.toBeInstanceOf(
    FencedError,
  );
  expect(await stored()).toMatchObject([{ message: 'two' }, { message: 'one' }]);
  const remove = async (): Promise<boolean> => {
    await database.sql`delete from boocode.chats where id = ${lease.chatId}`;
    return true;
  };
  await expect(appendEvents(faulty(['never sent']), lease, { events }, { retry: remove })).rejects.toBeInstanceOf(
    FencedError,
  );
});

test('LOG-8: an error that no second attempt would cure ends the write at once', async () => {
  let attempts = 0;
  const retry = (): Promise<boolean> => Promise.resolve((attempts += 1) > 0);
  const broken = (db: Sql) => [db`insert into boocode.turns (id, chat_id, epoch) values (null, null, 0)`];
  await expect(appendEvents(faulty(['never sent']), lease, { events, side: broken }, { retry })).rejects.toMatchObject({
    code: '23502',
  });
  expect(attempts).toBe(1);
});
