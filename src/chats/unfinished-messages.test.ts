// What had streamed of an unfinished answer, with a scripted agent. The real program is in test/e2e/cut-off-answers.test.ts.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { openChatLog } from '../../test/support/open-chat-log.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { chunk, finished, said, ScriptedBackend, type TurnScript } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import { type Log, silentLog } from '../lib/log.ts';
import type { Event } from '../protocol/event.ts';
import type { Sql } from '../store/database.ts';
import { stopHost } from '../store/hosts.ts';
import { insertTurn } from '../store/turns.ts';
import { storeUnfinished, type UnfinishedMessage } from '../store/unfinished-messages.ts';
import { UnfinishedMessages } from './unfinished-messages.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const storedIn = async (chatId: string): Promise<unknown> => {
  const [row] = await database.sql<{ messages: string }[]>`
    select messages from boocode.unfinished_messages where chat_id = ${chatId}`;
  return row ? (JSON.parse(row.messages) as unknown) : null;
};
const cutOff = (text: string, messageId = 'm') => ({
  type: 'agent_message',
  messageId,
  content: [{ type: 'text', text }],
  isPartial: true,
});
const messagesOf = (events: readonly Event[]) =>
  events.flatMap((event) =>
    event.type === 'agent_message' ? [{ id: event.messageId, isPartial: event.isPartial, content: event.content }] : [],
  );

describe('a host', () => {
  let here: ChatsHost;
  let clock: ManualClock;
  beforeEach(async () => {
    await open();
  });
  afterEach(() => here.close());

  async function open(): Promise<void> {
    clock = new ManualClock();
    here = await openChatsHost(database.url, { backend: new ScriptedBackend(), clock });
  }

  const never = new Promise<void>(() => {});
  const streaming: TurnScript = async function* () {
    yield said('First.', 'first');
    yield chunk('m', 'Half of ');
    yield chunk('m', 'it');
    await never;
  };

  async function streams(script = streaming): Promise<string> {
    here.backend.script = script;
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'go' });
    const reader = await here.follow(id);
    await until(() => reader.deltaText !== '');
    // What follows at once is shown a moment later.
    clock.advance(10);
    await until(() => reader.deltaText.endsWith('it'));
    await reader.close();
    return id;
  }
  const isStored = (id: string) => until(() => storedIn(id), { what: 'what has streamed' });
  async function next(): Promise<void> {
    await here.kill();
    await stopHost(database.sql, here.id);
    await open();
  }

  test('TURN-26 LOG-13: what had streamed when it was killed is in the log once, cut off, before the end of the turn', async () => {
    const id = await streams();
    clock.advance(1_000);
    expect(await isStored(id)).toEqual([cutOff('Half of it')]);
    await next();
    const { turnId, seq } = (await here.events(id, 'turn_finished'))[0]!;
    const events = await here.log(id);
    expect(messagesOf(events)).toMatchObject([
      { id: 'first' },
      { id: 'm', isPartial: true, content: [{ type: 'text', text: 'Half of it' }] },
    ]);
    expect(events.find((event) => event.seq === seq - 1)).toMatchObject({ ...cutOff('Half of it'), turnId });
    expect(await storedIn(id)).toBeNull();
    await next();
    expect(await here.log(id)).toEqual(events);
  });

  test('TURN-26: a message that was stored meanwhile is not there twice', async () => {
    let go = (): void => {};
    const gate = new Promise<void>((resolve) => (go = resolve));
    const id = await streams(async function* () {
      yield chunk('m', 'it');
      await gate;
      yield said('it is whole', 'm');
      await never;
    });
    clock.advance(1_000);
    await isStored(id);
    go();
    await here.events(id, 'agent_message');
    await next();
    await here.events(id, 'turn_finished');
    expect(messagesOf(await here.log(id))).toMatchObject([{ content: [{ text: 'it is whole' }] }]);
  });

  test.each(['interrupted', 'failed'] as const)(
    'TURN-26: so it is on a host that lives, if the turn ends %s',
    async (outcome) => {
      here.backend.script = async function* () {
        yield chunk('gone', 'abandoned and tried again');
        yield chunk('m', 'Half');
        yield finished(outcome);
      };
      const { id } = await here.createChat();
      const reader = await here.follow(id);
      await here.chats.submitPrompt(id, { content: 'go' });
      await here.events(id, 'turn_finished');
      expect(messagesOf(await here.log(id))).toMatchObject([{ id: 'm', isPartial: true, content: [{ text: 'Half' }] }]);
      await reader.close();
    },
  );

  test('TURN-26: what a completed turn left unfinished was abandoned, and is not kept', async () => {
    let go = (): void => {};
    const gate = new Promise<void>((resolve) => (go = resolve));
    const id = await streams(async function* () {
      yield chunk('m', 'it');
      await gate;
      yield said('Another.', 'n');
      yield finished();
    });
    clock.advance(1_000);
    await isStored(id);
    go();
    await here.events(id, 'turn_finished');
    expect(messagesOf(await here.log(id))).toMatchObject([{ id: 'n' }]);
    await until(async () => (await storedIn(id)) === null);
  });
});

describe('statements', () => {
  let clock: ManualClock;
  let warnings: string[];
  /** How many statements were sent; each fails while `isDown`. */
  let sent: number;
  let isDown: boolean;
  beforeEach(() => {
    [clock, warnings, sent, isDown] = [new ManualClock(), [], 0, false];
  });
  const logger: Log = { ...silentLog, warn: (_facts, message) => void warnings.push(message) };
  const turnId = randomUUID();

  async function openMessages() {
    const log = await openChatLog(database.sql);
    await insertTurn(database.sql, log.lease, randomUUID());
    const counting = ((...args: Parameters<Sql>) => {
      // Only whole statements have no value that is a fragment's own text.
      if (
        args[0]
          .join('')
          .trimStart()
          .match(/^(insert|with)/)
      ) {
        sent += 1;
        if (isDown) throw new Error('away');
      }
      return database.sql(...args);
    }) as unknown as Sql;
    const messages = new UnfinishedMessages({ sql: counting, lease: log.lease, clock, logger });
    const add = (text: string, messageId = 'm') =>
      messages.add(turnId, { type: 'agent_message_chunk', messageId, content: { type: 'text', text } });
    const note = (body: object): void => messages.noted({ seq: 1, ...body } as Event);
    return { lease: log.lease, messages, add, note, chatId: log.lease.chatId };
  }
  const storing = (chatId: string, text: string) =>
    until(async () => JSON.stringify(await storedIn(chatId)) === JSON.stringify([cutOff(text)]));

  test('LOG-13: there is at most one a second while a message streams, and none when nothing is new', async () => {
    const { add, chatId } = await openMessages();
    expect(clock.nextMs).toBeNull();
    for (let count = 0; count < 1_000; count += 1) add('a');
    clock.advance(999);
    expect(sent).toBe(0);
    clock.advance(1);
    await storing(chatId, 'a'.repeat(1_000));
    await until(() => clock.nextMs === null);
    clock.advance(60_000);
    expect(sent).toBe(1);
    add('b');
    clock.advance(1_000);
    await storing(chatId, `${'a'.repeat(1_000)}b`);
    expect(sent).toBe(2);
  });

  test('LOG-13: there is none for a message that was stored within the second', async () => {
    const { add, note } = await openMessages();
    add('a');
    note({ type: 'agent_message', messageId: 'm' });
    clock.advance(1_000);
    add('late');
    clock.advance(1_000);
    expect([sent, clock.nextMs]).toEqual([0, null]);
  });

  test('LOG-13: a message is removed once it is stored, and all with the end of the turn', async () => {
    const { add, note, messages, chatId } = await openMessages();
    add('a');
    clock.advance(1_000);
    await storing(chatId, 'a');
    note({ type: 'agent_message', messageId: 'm' });
    add('b', 'n');
    clock.advance(1_000);
    await until(async () => JSON.stringify(await storedIn(chatId)) === JSON.stringify([cutOff('b', 'n')]));
    add('c', 'n');
    note({ type: 'turn_finished' });
    expect([clock.nextMs, messages.asEvents()]).toEqual([null, []]);
  });

  test('LOG-13: a turn that ends during a write leaves nothing behind', async () => {
    const { add, note, messages, chatId } = await openMessages();
    add('a');
    clock.advance(1_000);
    expect(messages.isStored).toBe(true);
    note({ type: 'turn_finished' });
    await until(() => clock.nextMs !== null);
    clock.advance(1_000);
    await until(async () => (await storedIn(chatId)) === null && sent === 2);
    expect(clock.nextMs).toBeNull();
  });

  test('LOG-13: a long text is kept up to a limit, and stored less often', async () => {
    const { add, messages } = await openMessages();
    add('a'.repeat(300_000));
    expect(clock.nextMs).toBe(4_000);
    add('b');
    expect(messages.asEvents()).toEqual([cutOff('a'.repeat(262_144))]);
  });

  test('LOG-13: what cannot be stored is logged once and tried again', async () => {
    const { add, chatId } = await openMessages();
    isDown = true;
    add('a');
    for (let count = 1; count <= 3; count += 1) {
      clock.advance(1_000);
      await until(() => sent === count && clock.nextMs === 1_000);
    }
    expect(warnings).toEqual(['A streaming answer could not be stored; it is tried again.']);
    isDown = false;
    clock.advance(1_000);
    await storing(chatId, 'a');
  });

  test('FENCE-1 LOG-13: a host that has lost the chat stores nothing, and stops', async () => {
    const { add, chatId, lease } = await openMessages();
    await database.sql`update boocode.chats set epoch = epoch + 1 where id = ${chatId}`;
    const current = { ...lease, epoch: lease.epoch + 1 };
    const theirs: UnfinishedMessage = { type: 'agent_message', messageId: 'm', content: [], isPartial: true };
    expect(await storeUnfinished(database.sql, current, turnId, [theirs])).toBe(true);
    const before = await storedIn(chatId);
    expect(await storeUnfinished(database.sql, lease, turnId, [])).toBe(false);
    add('mine');
    clock.advance(1_000);
    await until(() => sent === 1);
    await storeUnfinished(database.sql, lease, turnId, []);
    add('more');
    await until(() => (add('x'), clock.nextMs === null));
    clock.advance(60_000);
    expect([sent, await storedIn(chatId)]).toEqual([1, before]);
  });
});
