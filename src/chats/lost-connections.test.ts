// Database connections that break at chosen moments, through a proxy: every write lands exactly once.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { assertDense, assertTurnsFinished, type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { openPostgresProxy, type PostgresProxy } from '../../test/support/postgres-proxy.ts';
import { randomOf } from '../../test/support/random.ts';
import { chunk, finished, said } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import { type Event } from '../protocol/event.ts';
import { openDatabase, type Sql } from '../store/database.ts';
import { appendEvents, type Lease, readEvents } from '../store/events.ts';
import { insertHost } from '../store/hosts.ts';
import { claimLease } from '../store/leases.ts';

let database: TestDatabase;
let proxy: PostgresProxy;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  proxy = await openPostgresProxy(database.url);
});
afterEach(() => proxy.close());

const note = (message: string) => ({ body: { type: 'notice', level: 'info', code: 'test', message } as const });
const messagesOf = (events: readonly Event[]): string[] =>
  events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));

describe('one append', () => {
  let through: Sql;
  let lease: Lease;
  const stored = (): Promise<Event[]> => readEvents(database.sql, lease.chatId, { after: 0, limit: 1000 });

  beforeEach(async () => {
    through = openDatabase(proxy.url, { max: 1 });
    const hostId = randomUUID();
    const [chatId] = [randomUUID()];
    await insertHost(database.sql, { id: hostId, machine: 'test', pid: 1, pidStarted: '', version: '0' });
    await database.sql`insert into boocode.chats (id, cwd, backend) values (${chatId}, '/', 'claude_sdk')`;
    lease = (await claimLease(database.sql, chatId, hostId, 60_000))!;
    // Twice, so that the statement is prepared: from here on a write is one question and one answer.
    for (const message of ['first', 'second']) await appendEvents(through, lease, { events: [note(message)] });
  });
  afterEach(() => through.end({ timeout: 1 }));

  test('LOG-8: a write whose answer is lost after the commit is found, not repeated', async () => {
    const landedBefore: string[][] = [];
    proxy.fault = (direction) => (direction === 'answer' ? 'cut' : 'pass');
    const written = await appendEvents(
      through,
      lease,
      { events: [note('third'), note('fourth')] },
      {
        async retry() {
          proxy.fault = () => 'pass';
          landedBefore.push(messagesOf(await stored()));
          return true;
        },
      },
    );
    expect(landedBefore).toEqual([['first', 'second', 'third', 'fourth']]);
    expect(written.map((event) => event.seq)).toEqual([3, 4]);
    expect(written).toEqual((await stored()).slice(2));
    expect(lease.nextSeq).toBe(5);
  });

  test('LOG-8: a write that is lost on the way is repeated once', async () => {
    const landedBefore: string[][] = [];
    proxy.fault = (direction) => (direction === 'question' ? 'cut' : 'pass');
    await appendEvents(
      through,
      lease,
      { events: [note('third')] },
      {
        async retry() {
          proxy.fault = () => 'pass';
          landedBefore.push(messagesOf(await stored()));
          return true;
        },
      },
    );
    expect(landedBefore).toEqual([['first', 'second']]);
    expect(messagesOf(await stored())).toEqual(['first', 'second', 'third']);
    await appendEvents(through, lease, { events: [note('fourth')] });
    assertDense(await stored());
  });

  test('LOG-8: a write that lands while its retry waits for it is the one that counts', async () => {
    const gate = createGate();
    const blocker = database.sql.begin(async (tx) => {
      await tx`select from boocode.chats where id = ${lease.chatId} for update`;
      await gate.pass();
    });
    await gate.reached;
    proxy.fault = (direction) => (direction === 'question' ? 'cut-client' : 'pass');
    const waiting = async (): Promise<number> => {
      const [row] = await database.sql<{ count: number }[]>`
        select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      return row!.count;
    };
    const write = appendEvents(
      through,
      lease,
      { events: [note('third')] },
      {
        async retry() {
          proxy.fault = () => 'pass';
          await until(async () => (await waiting()) === 1, { what: 'the first write at the lock' });
          return true;
        },
      },
    );
    await until(async () => (await waiting()) === 2, { what: 'both writes at the lock' });
    gate.open();
    await blocker;
    expect((await write).map((event) => event.seq)).toEqual([3]);
    expect(messagesOf(await stored())).toEqual(['first', 'second', 'third']);
    expect(lease.nextSeq).toBe(4);
  });

  test('LOG-1 LOG-8: 150 writes over connections that break at random land once each, in order', async () => {
    const random = randomOf(8);
    let cuts = 0;
    proxy.fault = () => {
      const passage = random() < 0.05 ? (random() < 0.5 ? 'cut' : 'cut-client') : 'pass';
      if (passage !== 'pass') cuts += 1;
      return passage;
    };
    const retry = (attempt: number): Promise<boolean> =>
      new Promise((resolve) => setImmediate(() => resolve(attempt < 50)));
    const wanted = ['first', 'second'];
    for (let index = 0; index < 150; index += 1) {
      const messages = Array.from({ length: 1 + Math.floor(random() * 3) }, (_, part) => `${index}/${part}`);
      wanted.push(...messages);
      const write = { events: messages.map(note) };
      const events = await appendEvents(through, lease, write, { retry });
      expect(messagesOf(events)).toEqual(messages);
    }
    expect(cuts).toBeGreaterThan(10);
    assertDense(await stored());
    expect(messagesOf(await stored())).toEqual(wanted);
  });
});

describe('a host', () => {
  let here: ChatsHost;
  beforeEach(async () => {
    here = await openChatsHost(database.url, { url: proxy.url });
    here.backend.script = async function* (turn) {
      const id = randomUUID();
      for (const piece of ['one ', 'two ', 'three']) yield chunk(id, piece);
      yield said(`one two three ${turn.text}`, id);
      yield said('and more');
      yield finished('completed', { costUsd: 1 });
    };
  });
  afterEach(async () => {
    proxy.fault = () => 'pass';
    await here.close();
  });

  test('LOG-8 PROMPT-2 TURN-1 TURN-4: loses and doubles nothing it accepted over breaking connections', async () => {
    const random = randomOf(4);
    const chats = await Promise.all([1, 2, 3].map(() => here.createChat()));
    const followers = await Promise.all(chats.map(({ id }) => here.follow(id)));
    proxy.fault = () => (random() < 0.02 ? 'cut' : 'pass');
    const receipts = new Map<string, number>();
    for (let round = 0; round < 8; round += 1) {
      await Promise.all(
        chats.map(async ({ id }) => {
          const prompt = { id: `prompt-${round}`, content: `round ${round}` };
          // Like a client, sends the same prompt again until there is a receipt.
          const receipt = await until(() =>
            here.chats.submitPrompt(id, prompt).then(
              (answer) => answer.receipt,
              () => null,
            ),
          );
          receipts.set(`${id}/${prompt.id}`, receipt.seq);
        }),
      );
    }
    for (const { id } of chats) {
      await until(
        async () => {
          const log = await readEvents(database.sql, id, { after: 0, limit: 10_000 });
          return log.filter((event) => event.type === 'turn_finished').length >= 8;
        },
        { what: 'eight turns', timeoutMs: 40_000 },
      );
    }
    proxy.fault = () => 'pass';
    for (const [index, { id }] of chats.entries()) {
      const log = await here.log(id);
      assertDense(log);
      assertTurnsFinished(log);
      for (let round = 0; round < 8; round += 1) {
        const accepted = log.filter(
          (event) => event.type === 'prompt_accepted' && event.promptId === `prompt-${round}`,
        );
        expect(accepted.map((event) => event.seq)).toEqual([receipts.get(`${id}/prompt-${round}`)]);
        const taken = log.filter(
          (event) => event.type === 'turn_started' && event.promptIds.includes(`prompt-${round}`),
        );
        expect(taken).toHaveLength(1);
      }
      const completed = log.filter((event) => event.type === 'turn_finished' && event.outcome === 'completed');
      expect((await here.chats.getChat(id)).costUsd).toBe(completed.length);
      // The reader's connection to the host never broke, so it saw everything.
      await followers[index]!.untilSeq(log.length);
      expect(followers[index]!.events).toEqual(log);
    }
  });

  test('LOG-8 TURN-1: continues a turn when the database restarts in the middle of it', async () => {
    const gate = createGate();
    here.backend.script = async function* () {
      yield said('before');
      await gate.pass();
      yield said('after');
      yield finished();
    };
    const { id } = await here.createChat();
    const follower = await here.follow(id);
    await here.chats.submitPrompt(id, { id: 'p1', content: 'go' });
    await gate.reached;
    const killed = await database.sql<{ pid: number }[]>`
      select pid, pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and application_name = 'boocode'`;
    expect(killed.length).toBeGreaterThan(0);
    await proxy.goDown();
    gate.open();
    await proxy.comeUp();
    await follower.until((item) => item.kind === 'event' && item.event.type === 'turn_finished');
    const log = await here.log(id);
    expect(log.map((event) => event.type)).toEqual([
      'prompt_accepted',
      'chat_updated',
      'turn_started',
      'session_started',
      'agent_message',
      'agent_message',
      'turn_finished',
    ]);
    expect(log.at(-1)).toMatchObject({ outcome: 'completed' });
    expect(follower.events).toEqual(log);
    expect(here.backend.opened).toHaveLength(1);
  });

  test.each([
    ['the host that had it', /: The database accepts no writes: its disk is full\. Send the prompt again/],
    ['another host', /^The host ended or lost the database while/],
  ])(
    'TURN-1 TURN-2 DATA-7: releases a chat at once when the disk fills up during a turn, which is finished later by %s',
    async (who, reason) => {
      const gate = createGate();
      here.backend.script = async function* () {
        await gate.pass();
        yield said('more than there is room for');
        yield finished();
      };
      const { id } = await here.createChat();
      await here.chats.submitPrompt(id, { id: 'p1', content: 'go' });
      await gate.reached;
      await database.sql.unsafe(`
      create function refuse() returns trigger language plpgsql as
        $$ begin raise exception 'no space' using errcode = 'disk_full'; end $$;
      create trigger refuse before insert on boocode.events execute function refuse()`);
      try {
        gate.open();
        await until(() => here.host.find(id) === undefined, { what: 'the chat to be let go' });
        await until(async () => {
          const [row] = await database.sql`select owner_host from boocode.chats where id = ${id}`;
          return row!['owner_host'] === null;
        });
        expect(here.backend.sessions.has(id)).toBe(false);
        await expect(here.chats.submitPrompt(id, { id: 'p2', content: 'x' })).rejects.toMatchObject({
          code: 'storage_unavailable',
          message: 'The database accepts no writes: its disk is full. Free some space there.',
        });
      } finally {
        await database.sql.unsafe('drop trigger refuse on boocode.events; drop function refuse()');
      }
      const other = who === 'another host' ? await openChatsHost(database.url) : undefined;
      try {
        if (!other) {
          await here.chats.submitPrompt(id, { id: 'p3', content: 'x' });
          await here.events(id, 'turn_finished', 2);
        }
        const [end] = await here.events(id, 'turn_finished');
        expect(end).toMatchObject({
          outcome: 'interrupted',
          error: { message: expect.stringMatching(reason) as string },
        });
        assertDense(await here.log(id));
      } finally {
        await other?.close();
      }
    },
  );

  test('reports a database that is down, and stores nothing', async () => {
    const { id } = await here.createChat();
    await proxy.goDown();
    expect(await here.chats.health()).toBe('database_unreachable');
    for (const question of [
      () => here.chats.getChat(id),
      () => here.chats.createChat({ cwd: here.cwd }),
      () => here.chats.submitPrompt(id, { content: 'go' }),
      () => here.chats.listChats({ limit: 1 }),
    ]) {
      await expect(question()).rejects.toMatchObject({ code: 'storage_unavailable' });
    }
    await proxy.comeUp();
    await until(async () => (await here.chats.health()) === null);
    expect(await here.log(id)).toEqual([]);
  });
});
