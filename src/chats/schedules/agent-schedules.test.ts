import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../../test/support/chats-host.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { anActor } from '../../../test/support/owners-chats.ts';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import { until } from '../../../test/support/until.ts';
import type { AgentSessionSpec, ScheduledChange } from '../../agents/agent-backend.ts';
import type { Schedule } from '../../protocol/schedule.ts';

let database: TestDatabase;
let here: ChatsHost;
let id: string;
let spec: AgentSessionSpec;

beforeEach(async () => {
  database = await createTestDatabase();
  here = await openChatsHost(database.url);
  ({ id } = await here.createChat());
  await here.chats.submitPrompt(id, { content: 'hello' });
  await here.events(id, 'turn_finished');
  spec = here.backend.opened.at(-1)!;
});
afterEach(async () => {
  await here.close();
  await database.drop();
});

const inMs = (ms: number): Date => new Date(Date.now() + ms);
const hour = 3_600_000;
const list = (): Promise<Schedule[]> => here.chats.schedules.list(id);
const words = async (): Promise<string[]> => (await list()).map(({ content }) => content);

/** The agent has scheduled it; resolves once the list is like that. */
async function told(change: ScheduledChange, expected: string[]): Promise<void> {
  spec.onScheduled!(change);
  await until(async () => JSON.stringify(await words()) === JSON.stringify(expected), { what: expected.join() });
}

const once = (key: string, prompt: string, ms = hour): ScheduledChange => ({
  is: 'added',
  key,
  prompt,
  nextAt: inMs(ms),
  replaces: 'ScheduleWakeup',
});
const isKnown = (prompt: string): Promise<boolean> => spec.isScheduled!(prompt);

test('SCHEDULE-11: what the agent schedules, replaces and cancels is in the list and in the log, by the agent', async () => {
  const cron = { cron: '0 9 * * *', laterMs: 60_000, until: inMs(30 * 24 * hour) };
  await told({ is: 'added', key: 'abc', prompt: 'Daily', nextAt: inMs(2 * hour), recurs: cron }, ['Daily']);
  await told(once('ScheduleWakeup:1', 'First'), ['First', 'Daily']);
  // Entries may be stored again.
  await told(once('ScheduleWakeup:1', 'First'), ['First', 'Daily']);
  await told(once('ScheduleWakeup:2', 'Second'), ['Second', 'Daily']);
  expect((await list())[1]).toMatchObject({ madeBy: 'agent', by: 'agent', cron: '0 9 * * *', missed: 'run' });
  await told({ is: 'removed', key: 'abc' }, ['Second']);
  await told({ is: 'removed', key: 'unknown' }, ['Second']);
  await told({ is: 'removed', key: 'ScheduleWakeup' }, []);
  const about = (log: { content: unknown; by?: unknown }[]) => log.map(({ content, by }) => [content, by]);
  expect(about(await here.events(id, 'schedule_created'))).toEqual([
    ['Daily', 'agent'],
    ['First', 'agent'],
    ['Second', 'agent'],
  ]);
  expect(about(await here.events(id, 'schedule_removed'))).toEqual([
    ['First', 'agent'],
    ['Daily', 'agent'],
    ['Second', 'agent'],
  ]);
});

test('SCHEDULE-12: its program is kept from telling what is scheduled, given, paused or removed, and from nothing else', async () => {
  await told(once('ScheduleWakeup:1', ' Look. '), [' Look. ']);
  expect(await isKnown('Look.')).toBe(true);
  expect(await isKnown('Other.')).toBe(false);
  const [made] = await list();
  await here.everyones.schedules.patch(anActor, id, made!.id, { isPaused: true });
  expect(await isKnown('Look.')).toBe(true);
  await here.everyones.schedules.remove(anActor, id, made!.id);
  expect([await list(), await isKnown('Look.')]).toEqual([[], true]);
});

test('SCHEDULE-12: the program of a fork is kept from telling what the other chat gives', async () => {
  await told(once('ScheduleWakeup:1', 'Look.'), ['Look.']);
  const fork = await here.createChat();
  await database.sql`
    update boocode.chats set forked_from = ${JSON.stringify({ chatId: id, seq: 1 })}::text::json where id = ${fork.id}`;
  await here.chats.submitPrompt(fork.id, { content: 'hello' });
  await here.events(fork.id, 'turn_finished');
  spec = here.backend.opened.at(-1)!;
  expect([spec.chatId, await isKnown('Look.'), await isKnown('Other.')]).toEqual([fork.id, true, false]);
  // And a fork of that one.
  const next = await here.createChat();
  await database.sql`
    update boocode.chats set forked_from = ${JSON.stringify({ chatId: fork.id, seq: 1 })}::text::json where id = ${next.id}`;
  await here.chats.submitPrompt(next.id, { content: 'hello' });
  await here.events(next.id, 'turn_finished');
  spec = here.backend.opened.at(-1)!;
  expect([spec.chatId, await isKnown('Look.'), await isKnown('Other.')]).toEqual([next.id, true, false]);
  expect(await here.chats.schedules.list(fork.id)).toEqual([]);
});

test('SCHEDULE-11: what was said since the last turn began may not be noted; a copied turn is not the chat’s', async () => {
  const [started] = await here.events(id, 'turn_started');
  const at = await spec.lastTurnAt!();
  expect(Math.abs(at!.getTime() - Date.parse(started!.at))).toBeLessThan(10);
  const [chat] = await database.sql<{ at: Date }[]>`
    update boocode.chats set created_at = clock_timestamp() where id = ${id} returning created_at as at`;
  expect(await spec.lastTurnAt!()).toEqual(chat!.at);
});

test('SCHEDULE-2: beyond a hundred, what the agent schedules is left to its program, and the log says so once', async () => {
  await database.sql`
    insert into boocode.schedules (id, chat_id, content, cron, time_zone, missed, next_at, agent_key)
    select gen_random_uuid(), ${id}, '"x"', '0 9 * * *', 'UTC', 'run', now() + interval '1 day', each::text
    from generate_series(1, 100) as each`;
  for (const key of ['one', 'other']) spec.onScheduled!({ is: 'added', key, prompt: key, nextAt: inMs(hour) });
  spec.onScheduled!({ is: 'removed', key: '1' });
  await here.events(id, 'schedule_removed');
  expect(await here.events(id, 'notice')).toMatchObject([{ code: 'schedules_full' }]);
  expect([await isKnown('one'), (await list()).length]).toEqual([false, 99]);
});

test('SCHEDULE-11: it is given once, by the agent, and the program may still know it', async () => {
  await told(once('ScheduleWakeup:1', 'Look.'), ['Look.']);
  await database.sql`update boocode.schedules set next_at = clock_timestamp()`;
  here.host.lookSoon();
  const [, given] = await here.events(id, 'prompt_accepted', 2);
  expect(given).toMatchObject({ by: 'agent', content: [{ text: 'Look.' }], schedule: { madeBy: 'agent' } });
  expect(given!.principal).toBeUndefined();
  await here.events(id, 'turn_finished', 2);
  expect([await list(), await isKnown('Look.')]).toEqual([[], true]);
});

test('SCHEDULE-12: if nothing has kept the program from telling it, the schedule moves on', async () => {
  const cron = { cron: '0 * * * *', laterMs: 0, until: null };
  await told({ is: 'added', key: 'abc', prompt: 'Hourly', nextAt: inMs(hour), recurs: cron }, ['Hourly']);
  await told(once('ScheduleWakeup:1', 'Once', 60_000), ['Once', 'Hourly']);
  const tell = (text: string): void =>
    spec.onEvent({
      type: 'incoming_message',
      messageId: text,
      origin: { kind: 'wake_up' },
      content: [{ type: 'text', text }],
    });
  for (const text of ['Once', 'Hourly', 'Unknown']) tell(text);
  await until(async () => (await words()).join() === 'Hourly', { what: 'the one that was due' });
  const skipped = await here.events(id, 'schedule_skipped');
  expect(skipped).toMatchObject([{ content: 'Once', reason: 'told', nextAt: null }]);
});

test('SCHEDULE-12: where the program cannot be told from a person, the chat waits until it was about to tell', async () => {
  const handle = here.host.find(id)!;
  expect(handle.isWarm).toBe(true);
  here.backend.tellsFirst = true;
  await told(once('ScheduleWakeup:1', 'Look.'), ['Look.']);
  await database.sql`update boocode.schedules set next_at = clock_timestamp()`;
  await handle.giveDue();
  expect(await here.events(id, 'prompt_accepted')).toHaveLength(1);
  expect(await isKnown('Look.')).toBe(true);
  await here.events(id, 'prompt_accepted', 2);
  await here.events(id, 'turn_finished', 2);
});

test('SCHEDULE-12: a process that has not told it after ten idle seconds does not tell it', async () => {
  const clock = new ManualClock();
  await here.close();
  here = await openChatsHost(database.url, { clock });
  here.backend.tellsFirst = true;
  ({ id } = await here.createChat());
  await here.chats.submitPrompt(id, { content: 'hello' });
  await here.events(id, 'turn_finished');
  spec = here.backend.opened.at(-1)!;
  await told(once('ScheduleWakeup:1', 'Look.'), ['Look.']);
  await database.sql`update boocode.schedules set next_at = clock_timestamp() - interval '1 minute'`;
  const handle = here.host.find(id)!;
  await handle.giveDue();
  expect(await here.events(id, 'prompt_accepted')).toHaveLength(1);
  const leaseEnd = async (): Promise<number> => {
    const [row] = await database.sql<{ at: Date }[]>`select lease_until as at from boocode.chats where id = ${id}`;
    return row!.at.getTime();
  };
  for (const _ of [5, 10]) {
    const before = await leaseEnd();
    clock.advance(5_000);
    await until(async () => (await leaseEnd()) > before, { what: 'the lease to be renewed' });
    await handle.giveDue();
  }
  await here.events(id, 'prompt_accepted', 2);
  await here.events(id, 'turn_finished', 2);
});
