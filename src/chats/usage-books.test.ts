// Whatever happens to chats, the ledger's sums are those of their totals.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newChat } from '../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { randomOf } from '../../test/support/random.ts';
import type { ModelCost, TurnTraces } from '../agents/agent-backend.ts';
import { counters, noUsage } from '../protocol/usage.ts';
import {
  bookUsage,
  findCountedUsage,
  openAgentSession,
  setSessionBackend,
  setSessionId,
} from '../store/agent-sessions.ts';
import { insertChat } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { appendEvents, type Lease, type Write } from '../store/events.ts';
import { insertFork } from '../store/fork.ts';
import { insertHost } from '../store/hosts.ts';
import { claimLease } from '../store/leases.ts';
import { SlowLane } from '../store/slow-lane.ts';
import { FencedError } from '../store/storage-error.ts';
import { finishTurn, insertTurn } from '../store/turns.ts';
import { sumUsage } from '../store/usage-ledger.ts';
import type { ChatLog } from './chat-log.ts';
import { lookAtLeftTurn } from './left-turn.ts';
import { asideCostAdded, costAdded, costResumed } from './session-cost.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

type Models = Record<string, ModelCost>;

/** A client that loses the answer to every write, after it was committed. */
function losingAnswers(): Sql {
  const lost = (): never => {
    throw Object.assign(new Error('gone'), { code: 'CONNECTION_CLOSED' });
  };
  return new Proxy(database.sql, {
    apply(target, self, given: [TemplateStringsArray]) {
      const query = Reflect.apply(target as (...all: unknown[]) => PromiseLike<object[]>, self, given);
      return Array.isArray(given[0]) && given[0][0]?.trim().startsWith('with fence') === true
        ? query.then(lost)
        : query;
    },
  });
}

/** A world of a few chats, in which things happen at random. */
class World {
  readonly #random: () => number;
  readonly chats: { lease: Lease; stale: Lease[]; session: string }[] = [];
  readonly done: Record<string, number> = {};
  readonly wrong: unknown[] = [];

  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  upTo(end: number): number {
    return Math.floor(this.#random() * end);
  }

  async addChat(): Promise<void> {
    const { id } = await insertChat(database.sql, newChat({ cwd: `/${this.upTo(3)}` }));
    const lease = await this.#claim(id);
    const session = randomUUID();
    const isAdopted = this.upTo(4) === 0;
    await openAgentSession(database.sql, lease, {
      agent: 'claude',
      backend: 'claude_sdk',
      sessionId: session,
      isAdopted,
    });
    this.chats.push({ lease, stale: [], session });
  }

  async #claim(chatId: string): Promise<Lease> {
    const hostId = randomUUID();
    await insertHost(database.sql, { id: hostId, machine: 'test', pid: 1, pidStarted: '', version: '0' });
    await database.sql`update boocode.chats set owner_host = null, lease_until = null where id = ${chatId}`;
    return (await claimLease(database.sql, chatId, hostId, 600_000))!;
  }

  #models(): Models {
    const cost = (): ModelCost => ({
      inputTokens: this.upTo(1000),
      outputTokens: this.upTo(1000),
      cacheReadInputTokens: this.upTo(9000),
      cacheCreationInputTokens: this.upTo(2) * this.upTo(500),
      costUsd: this.upTo(5) === 0 ? 0 : this.#random() / 7,
    });
    return Object.fromEntries(['a', 'b', 'c'].slice(this.upTo(3), 1 + this.upTo(3)).map((name) => [name, cost()]));
  }

  #share(): { costUsd: number; models: Models } {
    const models = this.#models();
    const beside = this.upTo(4) === 0 ? this.#random() : 0;
    return { costUsd: Object.values(models).reduce((sum, { costUsd }) => sum + costUsd, beside), models };
  }

  async #write(lease: Lease, write: Write | null): Promise<void> {
    const body = { type: 'notice', level: 'info', code: 'test', message: 'something' } as const;
    const events = write && write.events.length > 0 ? write.events : [{ body }];
    const isLost = this.upTo(3) === 0;
    const sql = isLost ? losingAnswers() : database.sql;
    await appendEvents(sql, lease, { ...write, events }, { retry: () => Promise.resolve(true) });
  }

  readonly #moves: Record<string, (chat: World['chats'][number]) => Promise<void>> = {
    turn: async ({ lease }) => {
      const id = randomUUID();
      await insertTurn(database.sql, lease, id);
      const { costUsd, models } = this.#share();
      const end = { id, outcome: 'completed', usage: noUsage, costUsd } as const;
      await this.#write(lease, {
        events: [],
        side: (db) => [finishTurn(db, end), ...bookUsage(db, lease, 'claude', { costUsd, models })],
      });
    },
    'session’s end': ({ lease }) => this.#write(lease, costAdded(this.#logOf(lease), 'claude', this.#share())),
    aside: ({ lease }) => this.#write(lease, asideCostAdded(this.#logOf(lease), 'claude', this.#share())),
    resume: async ({ lease }) => {
      const counted: Models = { ...(await findCountedUsage(database.sql, lease.chatId, 'claude')) };
      for (const [name, more] of Object.entries(this.#models())) {
        const before = counted[name] ?? { ...noUsage, costUsd: 0 };
        const sum = [...counters, 'costUsd' as const].map((key) => [key, before[key] + more[key]]);
        counted[name] = Object.fromEntries(sum) as unknown as ModelCost;
      }
      await this.#write(lease, await costResumed(database.sql, this.#logOf(lease), 'claude', counted));
    },
    recovery: async (chat) => {
      await this.#moves['takeover']!(chat);
      const { lease } = chat;
      const models = this.#models();
      const traces: TurnTraces = { add: () => undefined, seen: models, spent: models, finishedCalls: new Set() };
      const { write } = await lookAtLeftTurn(database.sql, this.#logOf(lease), randomUUID(), traces);
      await this.#write(lease, write);
    },
    flip: ({ lease }) =>
      this.#write(lease, {
        events: [],
        side: (db) => [setSessionBackend(db, lease, 'claude', this.upTo(2) ? 'claude_pty' : 'claude_sdk')],
      }),
    rewind: (chat) => {
      chat.session = randomUUID();
      const { lease, session } = chat;
      return this.#write(lease, { events: [], side: (db) => [setSessionId(db, lease, 'claude', session)] });
    },
    move: ({ lease }) => this.#write(lease, { events: [], chat: { cwd: `/${this.upTo(3)}` } }),
    takeover: async (chat) => {
      chat.stale.push({ ...chat.lease });
      chat.lease = await this.#claim(chat.lease.chatId);
    },
    'write by a stale holder': async ({ stale }) => {
      const [lease] = stale.slice(-1);
      if (!lease) return;
      const write = costAdded(this.#logOf(lease), 'claude', this.#shareOfSome());
      const outcome = await this.#write(lease, write).catch((error: unknown) => error);
      if (!(outcome instanceof FencedError)) this.wrong.push('A stale holder wrote.', outcome);
    },
    fork: async ({ lease, session }) => {
      const chat = newChat();
      const to = randomUUID();
      await insertFork(new SlowLane(database.sql), {
        chat,
        from: { chatId: lease.chatId, seq: lease.nextSeq - 1 },
        sessions: { from: session, to },
        end: { ordinal: 1, at: new Date().toISOString(), writtenAt: null },
        left: [],
        agentDirectory: null,
        isIsolated: false,
        events: [
          { type: 'chat_forked', from: { chatId: lease.chatId, seq: lease.nextSeq - 1 }, sessionId: to, by: 'x' },
        ],
      });
      const { costUsd, outputTokens } = await sumUsage(database.sql, { chatId: chat.id });
      if (costUsd !== 0 || outputTokens !== 0) this.wrong.push('A fork has used something.');
      this.chats.push({ lease: await this.#claim(chat.id), stale: [], session: to });
    },
    'another day': async ({ lease: { chatId } }) => {
      // Farther back each time, so that no row meets another one.
      const days = 2 ** this.done['another day']!;
      await database.sql`update boocode.usage_ledger set bucket = bucket - ${days} * interval '1 day' where chat_id = ${chatId}`;
    },
  };

  #shareOfSome() {
    return { costUsd: 1, models: { a: { ...noUsage, outputTokens: 1, costUsd: 1 } } };
  }

  #logOf(lease: Lease): ChatLog {
    return { lease } as ChatLog;
  }

  async step(): Promise<void> {
    const names = Object.keys(this.#moves);
    const name = names[this.upTo(names.length)]!;
    this.done[name] = (this.done[name] ?? 0) + 1;
    await this.#moves[name]!(this.chats[this.upTo(this.chats.length)]!);
  }

  /** What the totals of each chat are, and what the ledger has. */
  async read(): Promise<{ totals: unknown[]; entered: unknown[] }> {
    const all: { totals: unknown[]; entered: unknown[] } = { totals: [], entered: [] };
    for (const { lease } of this.chats) {
      const totals = await database.sql`
        select key as model, (value ->> 'inputTokens')::double precision as in, (value ->> 'outputTokens')::double precision as out,
          (value ->> 'cacheReadInputTokens')::double precision as read,
          (value ->> 'cacheCreationInputTokens')::double precision as created, round((value ->> 'costUsd')::numeric, 6) as usd
        from boocode.agent_sessions, jsonb_each(model_usage) where chat_id = ${lease.chatId} order by key`;
      const entered = await database.sql`
        select model, sum(input_tokens)::double precision as in, sum(output_tokens)::double precision as out,
          sum(cache_read_input_tokens)::double precision as read, sum(cache_creation_input_tokens)::double precision as created,
          round(sum(cost_usd)::numeric, 6) as usd
        from boocode.usage_ledger where chat_id = ${lease.chatId} and model <> '' group by 1 order by 1`;
      const [session] = await database.sql<{ usd: number }[]>`
        select cost_usd as usd from boocode.agent_sessions where chat_id = ${lease.chatId}`;
      const { costUsd } = await sumUsage(database.sql, { chatId: lease.chatId });
      const used = totals.filter((row) => Object.values(row).some((value) => Number(value) > 0));
      all.totals.push([...used], session!.usd.toFixed(6));
      all.entered.push([...entered], costUsd.toFixed(6));
    }
    return all;
  }
}

test.each([1, 2, 3, 4, 5, 6])(
  'USAGE-1: the ledger’s sums are the totals of each chat, whatever happened to it, in random order (%i)',
  async (seed) => {
    const world = new World(seed);
    await world.addChat();
    await world.addChat();
    for (let count = 0; count < 60; count += 1) await world.step();
    const { totals, entered } = await world.read();
    expect(entered).toEqual(totals);
    expect(world.wrong).toEqual([]);
    expect(Object.keys(world.done).length).toBeGreaterThan(8);
  },
  60_000,
);
