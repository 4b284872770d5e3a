// What watchers learn of chats that other hosts hold, with two hosts on one database.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { randomOf } from '../../test/support/random.ts';
import { finished } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import type { Chat } from '../protocol/chat.ts';
import { silentLog } from '../lib/log.ts';
import type { Sql } from '../store/database.ts';
import { ChangesElsewhere, lookEveryMs } from './changes-elsewhere.ts';
import type { ChatNotification } from './chats.ts';
import type { Ring } from './doorbell.ts';

let database: TestDatabase;
let clock: ManualClock;
let here: ChatsHost;
let there: ChatsHost;
let told: ChatNotification[];
let changes: ChangesElsewhere;
/** Passed by what the database says of chats that have changed, before it arrives. */
let beforeAnswer: (() => Promise<void>) | undefined;
let warnings: string[];
let watch: ReturnType<ChangesElsewhere['watch']>;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  [clock, told, warnings, beforeAnswer] = [new ManualClock(), [], [], undefined];
  here = await openChatsHost(database.url);
  there = await openChatsHost(database.url);
  const { notifier } = here.host;
  const logger = { ...silentLog, warn: (_: object, message: string) => void warnings.push(message) };
  const isHeld = (id: string): boolean => here.host.find(id) !== undefined;
  changes = new ChangesElsewhere({ sql: gated(here.sql), hostId: here.id, clock, logger, notifier, isHeld });
});
afterEach(async () => {
  watch.close();
  await changes.stop();
  await here.close();
  await there.close();
});

/** The database, whose answer about chats that have changed can be held back. */
function gated(sql: Sql): Sql {
  return new Proxy(sql, {
    apply(target, self, given: Parameters<typeof sql>) {
      const query = Reflect.apply(target, self, given) as unknown as Promise<unknown>;
      if (!beforeAnswer || !/::uuid\[\]\) and importing_session/.test(String(given[0]))) return query;
      const answer = query.then(async (rows) => {
        await beforeAnswer?.();
        return rows;
      });
      return answer as never;
    },
  });
}

async function startWatching(): Promise<Chat[]> {
  watch = changes.watch((each) => told.push(each));
  return watch.held();
}

/** One look, and what was told by then since the last call. */
async function look(): Promise<unknown[]> {
  await settled();
  clock.advance(lookEveryMs);
  await settled();
  return news();
}
/** Until no look is under way: then the next one is due. */
async function settled(): Promise<void> {
  await until(() => clock.nextMs !== null, { what: 'the end of a look' });
  await new Promise(setImmediate);
}
const gist = (each: ChatNotification): unknown =>
  each.type === 'chat'
    ? [each.chat.title, each.chat.state]
    : each.type === 'decision'
      ? [each.decision.title, each.decision.status, each.decision.outcome]
      : [each.chatId, 'deleted'];
const news = (): unknown[] => told.splice(0).map(gist);

/** A turn that lasts until the gate opens. */
async function slowTurn(host: ChatsHost, id: string, count = 1) {
  const gate = createGate();
  host.backend.script = async function* () {
    await gate.pass();
    yield finished();
  };
  await host.chats.submitPrompt(id, { content: 'slow' });
  await gate.reached;
  return async () => {
    gate.open();
    await host.events(id, 'turn_finished', count);
  };
}
async function turn(host: ChatsHost, id: string, count = 1): Promise<void> {
  await (
    await slowTurn(host, id, count)
  )();
}
async function askingTurn(host: ChatsHost, id: string, title: string, count = 1): Promise<string> {
  host.backend.script = async function* (asked) {
    yield* asked.ask({ title, toolCallId: 'call' });
    yield finished();
  };
  await host.chats.submitPrompt(id, { content: 'ask' });
  return (await host.events(id, 'decision_requested', count)).at(-1)!.decisionId;
}
const runOut = (id: string) =>
  database.sql`update boocode.chats set lease_until = clock_timestamp() - interval '1 second' where id = ${id}`;

test('HOST-9: a new watcher gets the chats that other hosts hold and that are not cold, with their states', async () => {
  const [running, ready, asking, cold, own] = [
    await there.createChat({ title: 'running' }),
    await there.createChat({ title: 'ready' }),
    await there.createChat({ title: 'asking' }),
    await there.createChat({ title: 'cold' }),
    await here.createChat({ title: 'own' }),
  ];
  await turn(there, ready.id);
  await turn(here, own.id);
  await askingTurn(there, asking.id, 'May I?');
  const end = await slowTurn(there, running.id);
  const states = (await startWatching()).map(({ title, state }) => `${title} ${state}`);
  expect(states.toSorted()).toEqual(['asking waiting', 'ready ready', 'running running']);
  expect(cold.state).toBe('cold');
  // A second one gets the same, and neither is told anything again.
  const second = changes.watch(() => expect.unreachable());
  expect(await second.held()).toHaveLength(3);
  await settled();
  expect([news(), await look(), await look()]).toEqual([[], [], []]);
  second.close();
  await end();
});

test('HOST-9: watchers are told once of every chat that another host creates, changes, holds, releases or deletes', async () => {
  expect(await startWatching()).toEqual([]);
  const { id } = await there.createChat({ title: 'new' });
  expect(await look()).toEqual([['new', 'cold']]);
  await there.chats.patchChat(id, { title: 'named' });
  expect(await look()).toEqual([['named', 'cold']]);
  const end = await slowTurn(there, id);
  expect(await look()).toEqual([['named', 'running']]);
  await end();
  expect(await look()).toEqual([['named', 'ready']]);
  expect(await look()).toEqual([]);
  await there.host.drain();
  expect(await look()).toEqual([['named', 'cold']]);
  expect([await look(), await look()]).toEqual([[], []]);
  const { id: other } = await here.createChat({ title: 'own' });
  await settled();
  expect([news(), await look()]).toEqual([[['own', 'cold']], []]);
  await here.chats.deleteChat(other);
  await settled();
  expect(news()).toContainEqual([other, 'deleted']);
  expect(await look()).toEqual([]);
  const third = await openChatsHost(database.url);
  await third.chats.deleteChat(id);
  await third.close();
  expect([await look(), await look()]).toEqual([[[id, 'deleted']], []]);
});

test('HOST-9: a change of nothing but the head is not told', async () => {
  const { id } = await there.createChat({ title: 'busy' });
  const end = await slowTurn(there, id);
  await startWatching();
  await database.sql`update boocode.chats set next_seq = next_seq + 1, updated_at = clock_timestamp() where id = ${id}`;
  expect(await look()).toEqual([]);
  await database.sql`update boocode.chats set next_seq = next_seq - 1 where id = ${id}`;
  await end();
});

test('HOST-9: watchers are told of decisions that are requested and settled on another host, each once', async () => {
  const { id } = await there.createChat({ title: 'asks' });
  await startWatching();
  const decisionId = await askingTurn(there, id, 'May I?');
  expect(await look()).toEqual([
    ['asks', 'waiting'],
    ['May I?', 'pending', null],
  ]);
  expect(told).toEqual([]);
  expect(await look()).toEqual([]);
  await there.chats.answerDecision(decisionId, { outcome: 'allow' });
  await there.events(id, 'turn_finished');
  expect(await look()).toEqual([
    ['asks', 'ready'],
    ['May I?', 'resolved', 'allow'],
  ]);
  // Between two looks.
  await there.chats.answerDecision(await askingTurn(there, id, 'And now?', 2), { outcome: 'deny' });
  await there.events(id, 'turn_finished', 2);
  expect((await look()).filter((each) => (each as unknown[]).length === 3)).toEqual([['And now?', 'resolved', 'deny']]);
  expect(await look()).toEqual([]);
});

test('HOST-9: a chat whose host has died becomes cold when its lease expires', async () => {
  const { id } = await there.createChat({ title: 'left' });
  const end = await slowTurn(there, id);
  expect(await startWatching()).toMatchObject([{ id, state: 'running' }]);
  await runOut(id);
  expect([await look(), await look()]).toEqual([[['left', 'cold']], []]);
  await end().catch(() => undefined);
});

test('HOST-9: a chat that is held only because it was changed does not look warm, in lists neither', async () => {
  const { id } = await there.createChat({ title: 'quick' });
  await startWatching();
  await there.chats.patchChat(id, { title: 'changed' });
  expect(there.host.find(id)?.state).toBe('cold');
  expect([await look(), await look()]).toEqual([[['changed', 'cold']], []]);
  expect(await here.chats.getChat(id)).toMatchObject({ state: 'cold' });
  await turn(there, id);
  expect(await look()).toEqual([['changed', 'ready']]);
  expect(await here.chats.getChat(id)).toMatchObject({ state: 'ready' });
});

test('HOST-9: a chat that moves between hosts shows each state once, without a stale one in between', async () => {
  const { id } = await here.createChat({ title: 'moves' });
  await startWatching();
  await turn(here, id);
  await until(() => here.host.find(id)?.state === 'ready');
  await settled();
  told.splice(0);
  // Another host takes it in the middle of nothing; this one notices at its next write.
  await runOut(id);
  const end = await slowTurn(there, id, 2);
  await here.chats.patchChat(id, { title: 'no' }).catch(() => undefined);
  await settled();
  expect(news()).toEqual([['moves', 'running']]);
  await end();
  expect(await look()).toEqual([['moves', 'ready']]);
  // And back.
  await runOut(id);
  await turn(here, id, 3);
  await until(() => here.host.find(id)?.state === 'ready');
  await look();
  expect(await look()).toEqual([]);
  expect(await here.chats.getChat(id)).toMatchObject({ state: 'ready' });
});

test('HOST-9: a chat that this host takes without changing it is shown as it is here', async () => {
  const { id } = await there.createChat({ title: 'taken' });
  await turn(there, id);
  expect(await startWatching()).toMatchObject([{ id, state: 'ready' }]);
  await runOut(id);
  await here.host.use(id, () => Promise.resolve());
  await settled();
  expect(news()).toEqual([['taken', 'cold']]);
});

test('HOST-9: decisions that wait in a chat which this host takes before it has looked are told', async () => {
  for (const { backend } of [here, there]) backend.openCalls = new Set(['call']);
  const { id } = await there.createChat({ title: 'asks' });
  await startWatching();
  await askingTurn(there, id, 'May I?');
  await there.host.drain();
  await here.host.use(id, () => Promise.resolve());
  await settled();
  expect(news()).toContainEqual(['May I?', 'pending', null]);
});

test('HOST-9: another host’s ring for a list makes it look at once, and again if it is looking', async () => {
  const rings: ((ring: Ring) => void)[] = [];
  const doorbell = { onRing: (listener: (ring: Ring) => void) => void rings.push(listener) };
  const { notifier } = here.host;
  const parts = { sql: gated(here.sql), hostId: here.id, clock, logger: silentLog, notifier, isHeld: () => false };
  changes = new ChangesElsewhere({ ...parts, doorbell });
  const ring = (inList: boolean) => rings.forEach((each) => each({ chatIds: null, inList }));
  ring(true);
  expect(clock.nextMs).toBeNull();
  await startWatching();
  const { id } = await there.createChat({ title: 'one' });
  ring(false);
  expect(clock.nextMs).toBe(lookEveryMs);
  const gate = createGate();
  beforeAnswer = () => gate.pass();
  ring(true);
  await gate.reached;
  await there.chats.patchChat(id, { title: 'two' });
  ring(true);
  beforeAnswer = undefined;
  gate.open();
  await settled();
  expect(news().at(-1)).toEqual(['two', 'cold']);
});

test('HOST-9: what the database answered before this host took the chat is not told after that', async () => {
  const { id } = await there.createChat({ title: 'theirs' });
  await turn(there, id);
  await startWatching();
  await there.chats.patchChat(id, { title: 'changed' });
  // The look has read the chat, and this host takes it before the look is over.
  const gate = createGate();
  beforeAnswer = () => gate.pass();
  clock.advance(lookEveryMs);
  await gate.reached;
  await runOut(id);
  await here.chats.patchChat(id, { title: 'ours' });
  await here.host.drain();
  beforeAnswer = undefined;
  gate.open();
  await settled();
  const seen = news();
  expect(seen.at(-1)).toEqual(['ours', 'cold']);
  expect(seen).not.toContainEqual(['changed', 'ready']);
  expect(await look()).toEqual([]);
});

test('HOST-9: a failure is reported once, and what changed meanwhile is told after it', async () => {
  const { id } = await there.createChat({ title: 'one' });
  await startWatching();
  await database.sql`alter table boocode.deleted_chats rename to away`;
  await there.chats.patchChat(id, { title: 'two' });
  expect([await look(), await look()]).toEqual([[], []]);
  const failed = changes.watch(() => undefined);
  await expect(failed.held()).rejects.toThrow(/deleted_chats/);
  failed.close();
  await database.sql`alter table boocode.away rename to deleted_chats`;
  expect(await look()).toEqual([['two', 'cold']]);
  expect(warnings).toEqual(['What other hosts do could not be read; trying again.']);
});

test('HOST-9: without watchers nothing is asked, and a new one starts afresh', async () => {
  const { id } = await there.createChat({ title: 'one' });
  await turn(there, id);
  await startWatching();
  watch.close();
  watch.close();
  expect(clock.nextMs).toBeNull();
  changes.lookNow();
  await there.chats.patchChat(id, { title: 'two' });
  expect(clock.nextMs).toBeNull();
  expect(await startWatching()).toMatchObject([{ title: 'two', state: 'ready' }]);
  expect(await look()).toEqual([]);
});

test.each([1, 2, 3])('HOST-9: whatever two hosts do, a watcher ends up with what is stored (seed %i)', async (seed) => {
  const random = randomOf(seed);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
  const seen = new Map<string, Chat>();
  const settledIds = new Set<string>();
  watch = changes.watch((each) => {
    if (each.type === 'chat') seen.set(each.chat.id, each.chat);
    else if (each.type === 'chat_deleted') seen.delete(each.chatId);
    else if (each.decision.status === 'resolved') settledIds.add(each.decision.id);
    else if (settledIds.has(each.decision.id)) throw new Error('A settled decision was told as pending.');
  });
  await watch.held();
  for (const host of [here, there]) {
    host.backend.script = async function* (asked) {
      if (random() < 0.3) yield* asked.ask({});
      yield finished();
    };
  }
  const ids: string[] = [];
  for (let count = 0; count < 40; count += 1) {
    const host = pick([here, there]);
    const id = pick(ids);
    const dice = random();
    if (!id || dice < 0.15) ids.push((await host.createChat({ title: `chat ${count}` })).id);
    else if (dice < 0.35) await host.chats.patchChat(id, { title: `title ${count}` }).catch(() => undefined);
    else if (dice < 0.6) await host.chats.submitPrompt(id, { content: `${count}` }).catch(() => undefined);
    else if (dice < 0.65) await host.chats.deleteChat(id).catch(() => undefined);
    else if (dice < 0.75) await runOut(id);
    else if (dice < 0.85) {
      for (const { id: decision } of (await host.chats.listDecisions({ status: 'pending', limit: 9 })).items)
        await host.chats.answerDecision(decision, { outcome: 'allow' }).catch(() => undefined);
    } else clock.advance(lookEveryMs);
  }
  let [last, stored]: unknown[] = [];
  const isTold = async (): Promise<boolean> => {
    clock.advance(lookEveryMs);
    await settled();
    const { items } = await here.chats.listChats({ limit: 100 });
    const plain = (chat: Chat): unknown => ({ ...chat, head: 0, updatedAt: '' });
    stored = items.filter(({ id }) => ids.includes(id)).map(plain);
    last = items.flatMap(({ id }) => (ids.includes(id) && seen.has(id) ? [plain(seen.get(id)!)] : []));
    return JSON.stringify(last) === JSON.stringify(stored);
  };
  await until(isTold, { timeoutMs: 10_000 }).catch(() => undefined);
  expect(last).toEqual(stored);
  const { items } = await here.chats.listChats({ limit: 100 });
  expect([...seen.keys()].filter((id) => !items.some((chat) => chat.id === id))).toEqual([]);
});
