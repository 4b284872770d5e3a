import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createGate } from '../../test/support/gate.ts';
import { openChatLog } from '../../test/support/open-chat-log.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import type { Write } from '../store/events.ts';
import { readEvents } from '../store/events.ts';
import { FencedError } from '../store/storage-error.ts';
import type { ChatLog } from './chat-log.ts';
import { Feed } from './feed.ts';

let database: TestDatabase;
let log: ChatLog;
/** What has happened, in order. */
let seen: string[];
/** Whether to try again, attempt by attempt. */
let retries: boolean[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  seen = [];
  retries = [];
  const feed = new Feed({ read: () => Promise.resolve([]), find: () => Promise.resolve(null) }, { backlogBytes: 1 });
  feed.publishEvent = ({ seq }) => void seen.push(`shown ${seq}`);
  feed.publishDelta = (delta) => void seen.push(JSON.stringify(delta));
  log = await openChatLog(database.sql, {
    feed,
    retry: (attempt) => {
      seen.push(`retry ${attempt}`);
      return Promise.resolve(retries.shift() ?? false);
    },
    onStored: ({ seq }) => void seen.push(`stored ${seq}`),
    onFenced: () => void seen.push('fenced'),
  });
});

const lost = Object.assign(new Error('closed'), { code: 'CONNECTION_CLOSED' });
const mistake = new Error('a mistake');
const note = (...messages: string[]): Write => ({
  events: messages.map((message) => ({ body: { type: 'notice', level: 'info', code: 'test', message } })),
});
const stored = async (): Promise<string[]> =>
  (await readEvents(database.sql, log.lease.chatId, { after: 0, limit: 100 })).map((event) =>
    event.type === 'notice' ? event.message : event.type,
  );

/** Fails as often as given. */
function failing(times: number, error: Error = lost) {
  let left = times;
  return (): void => {
    left -= 1;
    if (left >= 0) throw error;
  };
}

describe('a write', () => {
  test('is stored and shown before the next one begins', async () => {
    const gate = createGate();
    const first = log.appendIf(async () => {
      await gate.pass();
      return note('a', 'b');
    });
    const second = log.appendIf(() => {
      seen.push('second');
      return note('c');
    });
    await gate.reached;
    expect([log.isBusy, seen]).toEqual([true, []]);
    gate.open();
    expect((await first)?.map(({ seq }) => seq)).toEqual([1, 2]);
    expect(log.isBusy).toBe(true);
    await second;
    expect(log.isBusy).toBe(false);
    expect(seen).toEqual(['stored 1', 'shown 1', 'stored 2', 'shown 2', 'second', 'stored 3', 'shown 3']);
    expect(await stored()).toEqual(['a', 'b', 'c']);
  });

  test('that has nothing to write writes nothing', async () => {
    expect(await log.appendIf(() => null)).toBeNull();
    expect([log.isBusy, seen, await stored()]).toEqual([false, [], []]);
  });

  test('that fails does not hold up the next one', async () => {
    const failed = log.appendIf(() => Promise.reject(mistake));
    const next = log.append(note('a'));
    await expect(failed).rejects.toBe(mistake);
    await next;
    expect([log.isBusy, seen]).toEqual([false, ['stored 1', 'shown 1']]);
  });

  test('is tried again after a lost connection, for as long as it is worth it', async () => {
    retries = [true, true];
    const twice = failing(2);
    const write: Write = { ...note('a'), side: () => (twice(), []) };
    await log.append(write);
    expect(seen).toEqual(['retry 1', 'retry 2', 'stored 1', 'shown 1']);
    const once = failing(1);
    await expect(log.append({ ...note('b'), side: () => (once(), []) })).rejects.toBe(lost);
    expect([log.isBusy, await stored()]).toEqual([false, ['a']]);
  });

  test('FENCE-1: by a host that has lost the chat stores nothing, and says so', async () => {
    await database.sql`update boocode.chats set epoch = epoch + 1 where id = ${log.lease.chatId}`;
    await expect(log.append(note('a'))).rejects.toBeInstanceOf(FencedError);
    expect([log.isBusy, seen, await stored()]).toEqual([false, ['fenced'], []]);
  });

  test('is settled once all that were requested have finished', async () => {
    const gate = createGate();
    const write = log.appendIf(async () => {
      await gate.pass();
      return note('a');
    });
    const settled = log.settled().then(() => seen.push('settled'));
    gate.open();
    await Promise.all([write, settled]);
    expect(seen).toEqual(['stored 1', 'shown 1', 'settled']);
  });
});

test('a query is repeated after a lost connection for as long as it is worth it, and not after another error', async () => {
  retries = [true, true];
  const asking = (fail: () => void) => log.ask(() => Promise.resolve().then(fail));
  await asking(failing(2));
  expect(seen.splice(0)).toEqual(['retry 1', 'retry 2']);
  await expect(asking(failing(1))).rejects.toBe(lost);
  expect(seen.splice(0)).toEqual(['retry 1']);
  retries = [true];
  await expect(asking(failing(1, mistake))).rejects.toBe(mistake);
  expect(seen).toEqual([]);
});

test('a preview is shown with its chat and turn, and never stored', async () => {
  const turnId = randomUUID();
  const body = { type: 'agent_message_chunk', messageId: 'm', content: { type: 'text', text: 'H' } } as const;
  log.preview(turnId, body);
  expect(seen.map((json) => JSON.parse(json) as unknown)).toEqual([{ chatId: log.lease.chatId, turnId, ...body }]);
  expect(await stored()).toEqual([]);
});

test('LOG-19: previews that wait to be shown are shown before what is stored after them', async () => {
  const turnId = randomUUID();
  for (const text of ['a', 'b', 'c'])
    log.preview(turnId, { type: 'agent_message_chunk', messageId: 'm', content: { type: 'text', text } });
  await log.append(note('said'));
  expect(seen.map((json) => /"text":"(\w+)"/.exec(json)?.[1] ?? json)).toEqual(['a', 'bc', 'stored 1', 'shown 1']);
});
