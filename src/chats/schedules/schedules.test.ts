import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../../test/support/chats-host.ts';
import { createGate } from '../../../test/support/gate.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { anActor } from '../../../test/support/owners-chats.ts';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import { finished, said, ScriptedBackend } from '../../../test/support/scripted-backend.ts';
import { until } from '../../../test/support/until.ts';
import { doneByActor } from '../../protocol/principal.ts';
import type { CreateSchedule, Schedule } from '../../protocol/schedule.ts';
import { nextTime } from './schedule-times.ts';

let database: TestDatabase;
let here: ChatsHost;

beforeEach(async () => {
  database = await createTestDatabase();
  here = await openChatsHost(database.url);
});
afterEach(async () => {
  await here.close();
  await database.drop();
});

const tomorrow = (): string => new Date(Date.now() + 86_400_000).toISOString();
const daily: CreateSchedule = { cron: '0 9 * * *', timeZone: 'Europe/Berlin', content: 'What is new?' };

const create = (chatId: string, input: CreateSchedule): Promise<Schedule> =>
  here.everyones.schedules.create(anActor, chatId, input);

/** As if it had been due this long ago, which this host then sees. */
async function makeDue({ id }: Schedule, agoMs = 0, host = here): Promise<string> {
  const [row] = await database.sql<{ dueAt: Date }[]>`
    update boocode.schedules
    set next_at = date_trunc('milliseconds', clock_timestamp() - ${agoMs} * interval '1 millisecond')
    where id = ${id} returning next_at as "dueAt"`;
  host.host.lookSoon();
  return row!.dueAt.toISOString();
}

const dueAtOf = async ({ id }: Schedule): Promise<Date> => {
  const [row] = await database.sql<{ at: Date }[]>`select next_at as at from boocode.schedules where id = ${id}`;
  return row!.at;
};

test('SCHEDULE-1: a prompt that is due runs in its chat, says where it comes from, and is by whoever made the schedule', async () => {
  const { id } = await here.createChat();
  const made = await create(id, { at: tomorrow(), content: 'Are the tests green?' });
  expect(made).toMatchObject({
    chatId: id,
    madeBy: 'person',
    missed: 'run',
    isPaused: false,
    by: 'owner',
    via: 'test',
  });
  const dueAt = await makeDue(made);
  const [accepted] = await here.events(id, 'prompt_accepted');
  expect(accepted).toMatchObject({
    content: [{ type: 'text', text: 'Are the tests green?' }],
    schedule: { scheduleId: made.id, madeBy: 'person', dueAt },
    ...doneByActor(anActor),
  });
  await here.events(id, 'turn_finished');
  expect(await here.chats.schedules.list(id)).toEqual([]);
  expect((await here.chats.getChat(id)).title).toBe('Are the tests green?');
});

test('SCHEDULE-3: a schedule is given when it is due, not with the next look, and a pattern then has its next time', async () => {
  const { id } = await here.createChat();
  const made = await create(id, daily);
  expect(made.nextAt).toBe(nextTime(daily as { cron: string; timeZone: string }, new Date())!.toISOString());
  const soon = await create(id, { at: new Date(Date.now() + 300).toISOString(), content: 'Soon' });
  const [first] = await here.events(id, 'prompt_accepted');
  expect(first!.schedule?.scheduleId).toBe(soon.id);
  expect(Date.parse(first!.at) - Date.parse(soon.nextAt!)).toBeLessThan(4_000);
  const dueAt = await makeDue(made);
  await here.events(id, 'turn_finished', 2);
  const [after] = await here.chats.schedules.list(id);
  expect(after).toMatchObject({ id: made.id, nextAt: made.nextAt, lastAt: dueAt });
});

test('SCHEDULE-2: what cannot be due is refused, and a chat has at most a hundred', async () => {
  const { id } = await here.createChat();
  const refused = (input: CreateSchedule, field: string) =>
    expect(create(id, input)).rejects.toMatchObject({ code: 'invalid_request', details: { field } });
  await refused({ at: new Date(Date.now() - 1_000).toISOString(), content: 'x' }, 'at');
  await refused({ at: '9999-12-31T23:59:59-01:00', content: 'x' }, 'at');
  await refused({ cron: '0 0 30 2 *', content: 'x' }, 'cron');
  await refused({ ...daily, timeZone: 'Mars/Olympus' }, 'timeZone');
  await database.sql`
    insert into boocode.schedules (id, chat_id, content, cron, time_zone, missed, next_at)
    select gen_random_uuid(), ${id}, '"x"', '0 9 * * *', 'UTC', 'run', now() + interval '1 day' from generate_series(1, 100)`;
  await expect(create(id, daily)).rejects.toThrow(/at most 100 schedules/);
  // The agent's are counted apart.
  await database.sql`update boocode.schedules set agent_key = id::text where chat_id = ${id}`;
  await create(id, daily);
  const other = '00000000-0000-4000-8000-000000000000';
  await expect(create(other, daily)).rejects.toMatchObject({ code: 'not_found' });
  await expect(here.everyones.schedules.remove(anActor, id, other)).rejects.toMatchObject({ code: 'not_found' });
  await expect(here.chats.schedules.list(other)).rejects.toMatchObject({ code: 'not_found' });
});

test('SCHEDULE-1: two hosts that look at the same moment give it once, and so does one that holds the chat', async () => {
  const there = await openChatsHost(database.url);
  try {
    const chats = await Promise.all(Array.from({ length: 6 }, () => here.createChat({ cwd: here.cwd })));
    const made = await Promise.all(chats.map(({ id }) => create(id, daily)));
    await Promise.all(made.map((each) => makeDue(each)));
    for (let look = 0; look < 5; look += 1) for (const { host } of [here, there]) host.lookSoon();
    for (const { id } of chats) await here.events(id, 'turn_finished');
    for (let look = 0; look < 5; look += 1) for (const { host } of [here, there]) host.lookSoon();
    for (const { id } of chats) {
      expect(await here.events(id, 'prompt_accepted')).toHaveLength(1);
      expect((await here.log(id)).filter(({ type }) => type === 'schedule_skipped')).toEqual([]);
    }
  } finally {
    await there.close();
  }
});

test('SCHEDULE-1: the host that dies as it is due loses nothing: the next one gives it', async () => {
  const { id } = await here.createChat();
  const made = await create(id, daily);
  await here.kill();
  await database.sql`update boocode.chats set lease_until = clock_timestamp() - interval '1 second' where id = ${id}`;
  here = await openChatsHost(database.url);
  await database.sql`update boocode.chats set cwd = ${here.cwd} where id = ${id}`;
  await makeDue(made);
  await here.events(id, 'turn_finished');
  expect(await here.events(id, 'prompt_accepted')).toHaveLength(1);
});

test('SCHEDULE-5: one that was missed runs once, or is skipped with a line in the log', async () => {
  const { id } = await here.createChat();
  const [run, skip, once] = await Promise.all([
    create(id, { ...daily, content: 'run' }),
    create(id, { ...daily, missed: 'skip', content: 'skip' }),
    create(id, { at: tomorrow(), missed: 'skip', content: 'once' }),
  ]);
  const week = 7 * 86_400_000;
  const dueAt = await Promise.all([makeDue(run, week), makeDue(skip, week), makeDue(once, week)]);
  const skipped = await here.events(id, 'schedule_skipped', 2);
  await here.events(id, 'turn_finished');
  const about = ({ id: scheduleId, content }: Schedule) => ({ scheduleId, content, reason: 'missed' });
  expect(skipped).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ ...about(skip), dueAt: dueAt[1], nextAt: skip.nextAt }),
      expect.objectContaining({ ...about(once), dueAt: dueAt[2], nextAt: null }),
    ]),
  );
  expect((await here.events(id, 'prompt_accepted')).map(({ schedule }) => schedule?.scheduleId)).toEqual([run.id]);
  expect((await here.chats.schedules.list(id)).map((each) => [each.content, each.nextAt])).toEqual([
    ['run', run.nextAt],
    ['skip', skip.nextAt],
  ]);
});

test('SCHEDULE-6: while its last prompt waits a schedule is not due, and the prompts do not pile up', async () => {
  const gate = createGate();
  const backend = new ScriptedBackend(async function* ({ text }) {
    if (text === 'long') await gate.pass();
    yield said('Done.');
    yield finished();
  });
  await here.close();
  here = await openChatsHost(database.url, { backend });
  const { id } = await here.createChat();
  const made = await create(id, daily);
  await here.chats.submitPrompt(id, { content: 'long' });
  await here.events(id, 'turn_started');
  await makeDue(made);
  await here.events(id, 'prompt_accepted', 2);
  const waited = await makeDue(made);
  await here.chats.schedules.list(id);
  here.host.lookSoon();
  gate.open();
  await here.events(id, 'turn_finished', 2);
  here.host.lookSoon();
  const [skipped] = await here.events(id, 'schedule_skipped');
  expect(skipped).toMatchObject({ scheduleId: made.id, reason: 'waiting', dueAt: waited });
  expect(await here.events(id, 'prompt_accepted')).toHaveLength(2);
});

test('SCHEDULE-7: a paused schedule is not due, and resumes with its next time; a removed one is gone', async () => {
  const { id } = await here.createChat();
  const { schedules } = here.everyones;
  const made = await create(id, daily);
  const paused = await schedules.patch(anActor, id, made.id, { isPaused: true });
  expect(paused).toMatchObject({ isPaused: true, nextAt: null });
  await schedules.patch(anActor, id, made.id, { isPaused: true });
  await makeDue(made, 86_400_000);
  const due = await create(id, { at: tomorrow(), content: 'Due' });
  await makeDue(due);
  await here.events(id, 'turn_finished');
  const resumed = await schedules.patch(anActor, id, made.id, { isPaused: false });
  expect(resumed).toMatchObject({ isPaused: false, nextAt: made.nextAt });
  await schedules.remove(anActor, id, made.id);
  await expect(schedules.patch(anActor, id, made.id, { isPaused: true })).rejects.toMatchObject({ code: 'not_found' });
  const about = { scheduleId: made.id, content: daily.content, ...doneByActor(anActor) };
  for (const type of ['schedule_paused', 'schedule_resumed', 'schedule_removed'] as const)
    expect(await here.events(id, type)).toEqual([expect.objectContaining({ type, ...about })]);
  expect(await here.events(id, 'prompt_accepted')).toHaveLength(1);
});

test('SCHEDULE-7: resuming one that is given once gives it at once if its time has passed', async () => {
  const { id } = await here.createChat();
  const { schedules } = here.everyones;
  const made = await create(id, { at: tomorrow(), content: 'Late' });
  await schedules.patch(anActor, id, made.id, { isPaused: true });
  await makeDue(made, 3_600_000);
  await schedules.patch(anActor, id, made.id, { isPaused: false });
  await here.events(id, 'turn_finished');
  expect(await here.events(id, 'prompt_accepted')).toHaveLength(1);
});

test('SCHEDULE-8: a held queue keeps the prompt waiting', async () => {
  const { id } = await here.createChat();
  const made = await create(id, daily);
  const hold = { reason: 'agent', message: 'x', since: new Date().toISOString(), promptId: null, sendsAgain: false };
  // Stored while nobody holds the chat.
  await here.close();
  await database.sql`update boocode.chats set hold = ${JSON.stringify(hold)}::text::json where id = ${id}`;
  here = await openChatsHost(database.url);
  await database.sql`update boocode.chats set cwd = ${here.cwd} where id = ${id}`;
  await makeDue(made);
  await here.events(id, 'prompt_accepted');
  expect((await here.log(id)).some(({ type }) => type === 'turn_started')).toBe(false);
  await here.chats.resumeQueue(id, {});
  await here.events(id, 'turn_finished');
});

test('SCHEDULE-8: a chat that a usage limit has parked takes the prompt once that has reset', async () => {
  const { id } = await here.createChat();
  const made = await create(id, daily);
  const hold = {
    reason: 'usage_limit',
    message: 'x',
    since: new Date().toISOString(),
    resetsAt: new Date(Date.now() - 3_600_000).toISOString(),
    promptId: null,
    sendsAgain: false,
  };
  await here.close();
  await database.sql`
    update boocode.chats set hold = ${JSON.stringify(hold)}::text::json, resume_at_reset = false where id = ${id}`;
  here = await openChatsHost(database.url);
  await database.sql`update boocode.chats set cwd = ${here.cwd} where id = ${id}`;
  await makeDue(made);
  await here.events(id, 'turn_finished');
  expect(await here.events(id, 'queue_resumed')).toMatchObject([{ by: 'host' }]);
  expect(await here.events(id, 'prompt_accepted')).toHaveLength(1);
});

test('SCHEDULE-13: an archived chat is given nothing, and goes on with the next time when it is no longer archived', async () => {
  const { id } = await here.createChat();
  const made = await create(id, daily);
  const once = await create(id, { at: tomorrow(), content: 'Once' });
  await here.everyones.patchChat(anActor, id, { archived: true });
  await makeDue(made);
  await makeDue(once);
  const other = await here.createChat();
  await makeDue(await create(other.id, daily));
  await here.events(other.id, 'turn_finished');
  await here.host.find(id)!.giveDue();
  expect((await here.log(id)).filter(({ type }) => type === 'prompt_accepted')).toEqual([]);
  await here.everyones.patchChat(anActor, id, { archived: false });
  await here.host.find(id)!.giveDue();
  expect(await here.events(id, 'prompt_accepted')).toMatchObject([{ schedule: { scheduleId: once.id } }]);
  expect(await here.chats.schedules.list(id)).toMatchObject([{ id: made.id, nextAt: made.nextAt, lastAt: null }]);
});

test('SCHEDULE-9: the schedules of all chats are listed in pages, and a deleted chat takes its own along', async () => {
  const chats = await Promise.all([here.createChat(), here.createChat()]);
  const ids: string[] = [];
  for (const { id } of [...chats, chats[0]!]) ids.unshift((await create(id, daily)).id);
  const page = await here.chats.schedules.listAll({ limit: 2 });
  expect(page.items.map(({ id }) => id)).toEqual(ids.slice(0, 2));
  const rest = await here.chats.schedules.listAll({ limit: 2, after: page.next! });
  expect(rest).toMatchObject({ items: [{ id: ids[2] }], next: null });
  await here.chats.deleteChat(chats[0]!.id);
  expect((await here.chats.schedules.listAll({ limit: 10 })).items.map(({ id }) => id)).toEqual([ids[1]]);
});

test('SCHEDULE-3: the look for work is planned for the next schedule, and comes at once when one is made', async () => {
  const clock = new ManualClock();
  const there = await openChatsHost(database.url, { clock });
  try {
    const { id } = await there.createChat();
    expect(clock.nextMs).toBe(5_000);
    const at = new Date(Date.now() + 3_000).toISOString();
    await there.everyones.schedules.create(anActor, id, { at, content: 'x' });
    await until(() => clock.nextMs !== undefined && clock.nextMs !== null && clock.nextMs < 3_100, {
      what: 'a sooner look',
    });
  } finally {
    await there.close();
  }
});

test('SCHEDULE-4: the store keeps the pattern with its zone, and the next time is told in UTC', async () => {
  const { id } = await here.createChat();
  const made = await create(id, { cron: ' 30  2 * * * ', timeZone: 'Europe/Berlin', content: 'x' });
  expect(made).toMatchObject({ cron: '30 2 * * *', timeZone: 'Europe/Berlin' });
  expect(await dueAtOf(made)).toEqual(new Date(made.nextAt!));
});
