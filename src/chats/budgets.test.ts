// Budgets of chats, with a scripted agent on a real database.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  assertTurnsFinished,
  type ChatsHost,
  type ChatsHostOptions,
  openChatsHost,
} from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { anActor } from '../../test/support/owners-chats.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, said, ScriptedBackend, type TurnScript } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import type { AgentEvent } from '../agents/agent-backend.ts';
import { noUsage } from '../protocol/usage.ts';
import { isAlreadyWarned, isWarned, noteWarning } from '../store/budgets.ts';
import { findOrphanedWork } from '../store/leases.ts';
import { SharedBudgets, type SharedLimits } from './shared-budgets.ts';

let database: TestDatabase;
const hosts: ChatsHost[] = [];
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
  await database.drop();
});

async function open(script: TurnScript = work, options: ChatsHostOptions = {}): Promise<ChatsHost> {
  const host = await openChatsHost(database.url, { backend: new ScriptedBackend(script), ...options });
  hosts.push(host);
  return host;
}

const spends = (costUsd: number) =>
  finished('completed', { costUsd, models: { demo: { ...noUsage, inputTokens: 1, costUsd } } });

/** Of `work 0.3 0.3`, each number is a request that costs as much; before each but the first it asks. */
async function* work({ text, session }: Parameters<TurnScript>[0]): AsyncGenerator<AgentEvent> {
  const costs = text === 'Continue from where you left off.' ? [0.1] : text.split(' ').map(Number);
  let spent = 0;
  for (const [index, cost] of costs.entries()) {
    const reason = index === 0 ? null : await session.spec.spending!.mayAsk(spent);
    if (reason !== null) {
      const { costUsd, models } = spends(spent);
      yield finished('failed', { error: { code: 'hook_stopped', message: reason }, costUsd, models });
      return;
    }
    spent += cost;
    yield said(`request ${index + 1}`);
  }
  yield spends(spent);
}

const send = (host: ChatsHost, chatId: string, text: string) => host.chats.submitPrompt(chatId, { content: text });
const held = (host: ChatsHost, chatId: string) =>
  until(async () => (await host.chats.getChat(chatId)).hold, { what: 'the hold' });

describe('a chat’s budget', () => {
  test('BUDGET-3: a spent budget holds the next prompt, names budget, amount and limit, and loses nothing', async () => {
    const host = await open();
    const { id } = await host.createChat({ budgetUsd: 0.5 });
    await send(host, id, '0.6');
    await host.events(id, 'turn_finished');
    expect((await host.chats.getChat(id)).hold).toBeNull();
    await send(host, id, '0.1');
    expect(await held(host, id)).toMatchObject({
      reason: 'budget_spent',
      budget: { of: 'chat', limitUsd: 0.5, spentUsd: 0.6 },
      message: expect.stringContaining('$0.60 of $0.50, $0.10 more than allowed') as string,
    });
    expect(await host.chats.listPrompts(id)).toMatchObject({ items: [{ content: [{ text: '0.1' }] }] });
    expect(await host.events(id, 'turn_started')).toHaveLength(1);
    await expect(host.chats.resumeQueue(id, {})).rejects.toMatchObject({ code: 'budget_spent' });
    expect(await host.events(id, 'queue_held')).toHaveLength(1);
  });

  test('BUDGET-4 BUDGET-7: a turn that reaches it ends before its next request, and continues when it is raised', async () => {
    const host = await open();
    const { id } = await host.createChat({ budgetUsd: 0.5 });
    await send(host, id, '0.3 0.3 0.3');
    await send(host, id, '0.2');
    const [turn] = await host.events(id, 'turn_finished');
    expect(turn).toMatchObject({ outcome: 'failed', costUsd: 0.6, error: { code: 'budget_spent' } });
    expect(turn!.error!.message).toContain('$0.60 of $0.50');
    expect(await held(host, id)).toMatchObject({ reason: 'budget_spent', budget: { spentUsd: 0.6 } });
    const { items } = await host.chats.listPrompts(id);
    expect(items.map(({ content }) => content[0])).toMatchObject([
      { text: 'Continue from where you left off.' },
      { text: '0.2' },
    ]);

    // Not enough yet.
    await host.chats.patchChat(id, { budgetUsd: 0.55 });
    await host.events(id, 'queue_held', 2);
    expect((await host.chats.getChat(id)).hold?.budget).toMatchObject({ limitUsd: 0.55 });
    await host.chats.patchChat(id, { budgetUsd: 2 });
    const turns = await host.events(id, 'turn_finished', 3);
    expect(turns.map(({ outcome, costUsd }) => [outcome, costUsd])).toEqual([
      ['failed', 0.6],
      ['completed', 0.1],
      ['completed', 0.2],
    ]);
    expect((await host.chats.getChat(id)).costUsd).toBeCloseTo(0.9);
    expect(await host.events(id, 'queue_resumed')).toMatchObject([{ by: 'host' }]);
    assertTurnsFinished(await host.log(id));
  });

  test('BUDGET-7: whoever does not want it to continue cancels that prompt', async () => {
    const host = await open();
    const { id } = await host.createChat({ budgetUsd: 0.5 });
    await send(host, id, '0.6 0.3');
    await held(host, id);
    const { items } = await host.chats.listPrompts(id);
    await host.chats.cancelPrompt(id, items[0]!.promptId);
    await until(async () => (await host.chats.getChat(id)).hold === null);
    await host.chats.patchChat(id, { budgetUsd: null });
    await send(host, id, '0.2');
    expect(await host.events(id, 'turn_finished', 2)).toMatchObject([{ costUsd: 0.6 }, { costUsd: 0.2 }]);
  });

  test('BUDGET-2: a warning is given once per limit, in the middle of a turn as well', async () => {
    const host = await open();
    const { id } = await host.createChat({ budgetUsd: 1 });
    const warnings = async () => (await host.events(id, 'notice')).filter(({ code }) => code === 'budget_near');
    await send(host, id, '0.85 0.05');
    await host.events(id, 'turn_finished');
    expect(await warnings()).toMatchObject([
      {
        level: 'warning',
        data: { of: 'chat', limitUsd: 1, spentUsd: 0.85 },
        message: expect.stringMatching(/^85 %/) as string,
      },
    ]);
    await send(host, id, '0.02');
    await host.events(id, 'turn_finished', 2);
    expect(await warnings()).toHaveLength(1);
    await host.chats.patchChat(id, { budgetUsd: 1.1 });
    await send(host, id, '0.02');
    await host.events(id, 'turn_finished', 3);
    await until(async () => (await warnings()).length === 2);
    expect((await warnings())[1]).toMatchObject({ data: { limitUsd: 1.1 } });
  });

  test('BUDGET-3: a side question is refused', async () => {
    const host = await open();
    const { id } = await host.createChat({ budgetUsd: 0.5 });
    await send(host, id, '0.6');
    await host.events(id, 'turn_finished');
    const { signal } = new AbortController();
    await expect(host.chats.askAside(id, 'How much?', { signal })).rejects.toMatchObject({
      code: 'budget_spent',
      details: { budget: { of: 'chat', limitUsd: 0.5 } },
    });
  });

  test('BUDGET-8: another host goes on when the budget is raised there', async () => {
    const host = await open();
    const { id } = await host.createChat({ budgetUsd: 0.5 });
    await send(host, id, '0.6 0.3');
    await held(host, id);
    await hosts.pop()!.close();
    const other = await open();
    expect((await other.chats.getChat(id)).hold).toMatchObject({ reason: 'budget_spent' });
    await other.chats.patchChat(id, { budgetUsd: 5 });
    const turns = await other.events(id, 'turn_finished', 2);
    expect(turns[1]).toMatchObject({ outcome: 'completed', costUsd: 0.1 });
  });

  test('BUDGET-8: a host that dies right after the budget was raised leaves it to another one', async () => {
    const host = await open();
    const { id } = await host.createChat({ budgetUsd: 0.5 });
    await send(host, id, '0.6 0.3');
    await held(host, id);
    await hosts.pop()!.close();
    const other = await open(work, { clock: new ManualClock() });
    const isFound = async () => (await findOrphanedWork(other.sql, other.id, 10)).includes(id);
    expect(await isFound()).toBe(false);
    await other.sql`update boocode.chats set budget_usd = 0.55 where id = ${id}`;
    expect(await isFound()).toBe(true);
    await other.host.use(id, () => Promise.resolve());
    await other.events(id, 'queue_held', 2);
    expect((await other.chats.getChat(id)).hold?.budget).toMatchObject({ limitUsd: 0.55 });
    await hosts.pop()!.close();
    const third = await open(work, { clock: new ManualClock() });
    expect(await findOrphanedWork(third.sql, third.id, 10)).toEqual([]);
    await third.sql`update boocode.chats set budget_usd = null where id = ${id}`;
    expect(await findOrphanedWork(third.sql, third.id, 10)).toEqual([id]);
  });

  test('BUDGET-1: what a session tells of an earlier process counts before the prompt is given to it', async () => {
    const host = await open();
    const { id } = await host.createChat({ budgetUsd: 0.5 });
    host.backend.beforeOpen = async (spec) => {
      const counted = { demo: { ...noUsage, inputTokens: 10, costUsd: 0.7 } };
      await spec.onResumed?.(counted);
    };
    await send(host, id, '0.1');
    expect(await held(host, id)).toMatchObject({ budget: { spentUsd: 0.7 } });
    expect(await host.log(id).then((log) => log.filter(({ type }) => type === 'turn_started'))).toEqual([]);
    await host.chats.patchChat(id, { budgetUsd: 1 });
    expect(await host.events(id, 'turn_finished')).toMatchObject([{ costUsd: 0.1 }]);
  });
});

/** What is booked has the time of the database. */
class ClockOfToday extends ManualClock {
  readonly #beginMs = Date.now();

  override now(): Date {
    return new Date(this.#beginMs + this.monotonicMs());
  }
}

describe('a budget of all chats', () => {
  const limit = (host: ChatsHost, patch: object) => host.chats.budgets.patch(anActor, patch);

  test('BUDGET-9: chats that run at once stop when together they have spent it', async () => {
    const gate = createGate();
    const host = await open(async function* (turn) {
      if (turn.text === 'hold') {
        await turn.session.spec.spending!.mayAsk(0.7);
        await gate.pass();
        yield spends(0.7);
      } else yield* work(turn);
    });
    await limit(host, { serverUsd: 1 });
    const [one, two] = [await host.createChat(), await host.createChat()];
    await send(host, one.id, 'hold');
    await gate.reached;
    await send(host, two.id, '0.4 0.1');
    expect(await host.events(two.id, 'turn_finished')).toMatchObject([
      { outcome: 'failed', costUsd: 0.4, error: { code: 'budget_spent' } },
    ]);
    const hold = await held(host, two.id);
    expect(hold.budget).toMatchObject({ of: 'server', limitUsd: 1 });
    expect(hold.budget!.spentUsd).toBeCloseTo(1.1);
    gate.open();
    await host.events(one.id, 'turn_finished');
    await send(host, one.id, '0.1');
    expect(await held(host, one.id)).toMatchObject({ budget: { of: 'server' } });
    const { server } = await host.chats.budgets.read();
    expect(server.spentUsd).toBeCloseTo(1.1);
    await limit(host, { serverUsd: null });
    expect(await host.events(one.id, 'turn_finished', 2)).toMatchObject([{ costUsd: 0.7 }, { costUsd: 0.1 }]);
    expect(await host.events(two.id, 'turn_finished', 2)).toMatchObject([{}, { outcome: 'completed' }]);
  });

  test('BUDGET-8 BUDGET-10: the day ends, and what waited goes on', async () => {
    const clock = new ClockOfToday();
    const host = await open(work, { clock, budgets: { day: 0.5 }, idleTimeoutMs: 48 * 3_600_000 });
    const { id } = await host.createChat();
    await send(host, id, '0.6 0.3');
    const hold = await held(host, id);
    const midnight = new Date();
    midnight.setHours(24, 0, 0, 0);
    expect(hold).toMatchObject({ reason: 'budget_spent', budget: { of: 'day' }, resetsAt: midnight.toISOString() });
    expect(hold.resumesAt).toBe(hold.resetsAt);
    clock.advance(midnight.getTime() - clock.now().getTime() - 1_000);
    expect((await host.chats.getChat(id)).hold).not.toBeNull();
    clock.advance(2_000);
    expect(await host.events(id, 'turn_finished', 2)).toMatchObject([{ outcome: 'failed' }, { outcome: 'completed' }]);
    expect(await host.events(id, 'queue_resumed')).toMatchObject([{ by: 'host' }]);
  });

  test('BUDGET-9: it is set for all hosts, which notice, and a chat that nobody holds goes on', async () => {
    const clocks = [new ManualClock(), new ManualClock()];
    const one = await open(work, { clock: clocks[0]!, budgets: { server: 0.5 } });
    const { id } = await one.createChat();
    await send(one, id, '0.6 0.3');
    await held(one, id);
    await hosts.pop()!.close();
    const two = await open(work, { clock: clocks[1]!, budgets: { server: 0.5 } });
    const three = await open(work, { clock: new ManualClock(), budgets: { server: 0.5 } });
    expect(await two.chats.budgets.read()).toMatchObject({ server: { limitUsd: 0.5, isSet: false } });
    await limit(three, { serverUsd: 3 });
    await until(async () => {
      clocks[1]!.advance(5_000);
      return (await two.log(id)).some(({ type }) => type === 'queue_resumed');
    });
    expect(await two.events(id, 'turn_finished', 2)).toMatchObject([{}, { outcome: 'completed' }]);
    expect(await two.chats.budgets.read()).toMatchObject({ server: { limitUsd: 3, isSet: true } });
    expect(await limit(two, { serverUsd: 'default' })).toMatchObject({ server: { limitUsd: 0.5, isSet: false } });
  });

  test('BUDGET-8: a host takes a held chat only if it allows more than was spent', async () => {
    const one = await open(work, { budgets: { server: 0.5 } });
    const { id } = await one.createChat();
    await send(one, id, '0.6 0.3');
    await held(one, id);
    await hosts.pop()!.close();
    const { sql, id: hostId } = await open(work, { clock: new ManualClock(), budgets: { server: 0.5 } });
    const found = (limits: Partial<SharedLimits>) =>
      findOrphanedWork(sql, hostId, 10, [], { day: null, server: null, ...limits });
    expect(await found({ server: 0.5 })).toEqual([]);
    expect(await found({ server: 0.4 })).toEqual([]);
    expect(await found({ server: 0.55 })).toEqual([]);
    expect(await found({ server: 0.7, day: 0.1 })).toEqual([id]);
    expect(await found({})).toEqual([id]);
    await sql`update boocode.chats set hold = jsonb_set(hold::jsonb, '{budget,of}', '"day"')::json`;
    expect(await found({ day: 0.55 })).toEqual([]);
    expect(await found({ day: 0.7 })).toEqual([id]);
  });

  test('BUDGET-2: a warning is given with its notice, or by the host that was faster', async () => {
    const { sql } = await open();
    const warning = { name: 'day', limitUsd: 5, since: new Date(0) } as const;
    const other = { ...warning, since: new Date() };
    expect(await isWarned(sql, warning)).toBe(false);
    await noteWarning(sql, warning);
    const error: unknown = await noteWarning(sql, warning).catch((refusal: unknown) => refusal);
    expect(isAlreadyWarned(error)).toBe(true);
    expect([await isWarned(sql, warning), await isWarned(sql, other)]).toEqual([true, false]);
    await noteWarning(sql, other);
    expect(await isWarned(sql, other)).toBe(true);
  });

  test('BUDGET-2: one chat is warned, once for all hosts', async () => {
    const one = await open(work, { budgets: { server: 1 } });
    const two = await open(work, { budgets: { server: 1 } });
    const chats = [await one.createChat(), await one.createChat()];
    await send(one, chats[0]!.id, '0.85');
    await one.events(chats[0]!.id, 'turn_finished');
    await until(async () => (await one.log(chats[0]!.id)).some((event) => event.type === 'notice'));
    await send(two, chats[1]!.id, '0.05');
    await two.events(chats[1]!.id, 'turn_finished');
    await until(() => two.host.find(chats[1]!.id)?.state === 'ready');
    const notices = await Promise.all(
      chats.map(async ({ id }) => (await two.log(id)).filter(({ type }) => type === 'notice')),
    );
    expect(notices.map((each) => each.length)).toEqual([1, 0]);
    expect(notices[0]![0]).toMatchObject({ code: 'budget_near', data: { of: 'server', limitUsd: 1 } });
  });

  test('BUDGET-11: without a budget nothing is asked', async () => {
    const asked: string[] = [];
    const host = await open(work);
    const { id } = await host.createChat();
    await send(host, id, '0.1');
    await host.events(id, 'turn_finished');
    await until(() => host.host.find(id)?.idleAgent);
    const before = host.backend.sessions.get(id)!.spec.spending!;
    expect(before.isLimited).toBe(false);
    const look = vi.spyOn(SharedBudgets.prototype, 'look').mockImplementation(() => {
      asked.push('look');
      return Promise.resolve([]);
    });
    try {
      await send(host, id, '0.1 0.1');
      await host.events(id, 'turn_finished', 2);
    } finally {
      look.mockRestore();
    }
    expect(asked).toEqual([]);
    // The prompt and its turn are in one write.
    const [, second] = (await host.log(id)).filter(({ type }) => type === 'prompt_accepted');
    expect((await host.log(id)).find(({ seq }) => seq === second!.seq + 1)).toMatchObject({
      type: 'turn_started',
      at: second!.at,
    });
  });
});
