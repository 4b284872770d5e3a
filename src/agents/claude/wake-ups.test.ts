import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ScheduledChange } from '../agent-backend.ts';
import { TranscriptSchedules } from './transcript-schedules.ts';
import { WakeUps } from './wake-ups.ts';

const minute = 60_000;
const hour = 60 * minute;
// Local time, as the program means its times.
const noon = new Date(2030, 0, 1, 12, 0, 30).getTime();
let now: number;
let wakeUps: WakeUps;
let changes: ScheduledChange[];
beforeEach(() => {
  now = noon;
  changes = [];
  wakeUps = new WakeUps(
    () => now,
    (change) => changes.push(change),
  );
});

let calls = 0;

/** The entries of a call and its result, with the fields that the program gives them. */
function called(name: string, input: object, result: unknown, atMs = now): SessionStoreEntry[] {
  const id = `call-${(calls += 1)}`;
  const timestamp = new Date(atMs).toISOString();
  return [
    {
      type: 'assistant',
      timestamp,
      message: {
        content: [
          { type: 'text', text: 'Well.' },
          { type: 'tool_use', id, name, input },
        ],
      },
    },
    {
      type: 'user',
      timestamp,
      message: { content: [{ type: 'tool_result', tool_use_id: id, content: 'Scheduled.' }] },
      toolUseResult: result,
    },
  ];
}

const cron = (pattern: string, id: string, nextFireAt: number, recurring = true, atMs = now): SessionStoreEntry[] =>
  called(
    'CronCreate',
    { cron: pattern, prompt: 'Look.', recurring },
    {
      id,
      humanSchedule: pattern,
      recurring,
      durable: false,
      nextFireAt,
      maxAgeMs: 30 * 24 * hour,
    },
    atMs,
  );

describe('AGENT-50: what the agent has scheduled', () => {
  test('is due when the program says, is overdue for a minute at most, and then was told', () => {
    expect(wakeUps.nextMs).toBeNull();
    wakeUps.note(called('ScheduleWakeup', { delaySeconds: 90 }, { scheduledFor: now + 2 * minute }));
    wakeUps.note(cron('30 14 * * *', 'once', now + 3 * hour, false));
    expect(wakeUps.nextMs).toBe(2 * minute);
    // There is one of these at a time.
    wakeUps.note(called('ScheduleWakeup', { delaySeconds: 300 }, { scheduledFor: now + 5 * minute }));
    expect(wakeUps.nextMs).toBe(5 * minute);
    now += 6 * minute;
    expect(wakeUps.nextMs).toBe(0);
    now += 1;
    expect(wakeUps.nextMs).toBe(3 * hour - 6 * minute - 1);
    now += 4 * hour;
    expect(wakeUps.nextMs).toBeNull();
  });

  test('recurs, each time as much later than its times as the first, until it expires', () => {
    // Nominally at 12:05.
    const first = new Date(2030, 0, 1, 12, 5, 20).getTime();
    wakeUps.note(cron('*/5 * * * *', 'often', first));
    expect(wakeUps.nextMs).toBe(first - noon);
    now = first + 2 * minute;
    expect(wakeUps.nextMs).toBe(3 * minute);
    now = noon + 29 * 24 * hour;
    expect(wakeUps.nextMs).toBeLessThanOrEqual(5 * minute);
    now = noon + 30 * 24 * hour + 2 * minute;
    expect(wakeUps.nextMs).toBeNull();
  });

  test('is cancelled by the agent, each by its id', () => {
    wakeUps.note(cron('0 13 * * *', 'a', now + hour));
    wakeUps.note(cron('0 14 * * *', 'b', now + 2 * hour));
    wakeUps.note(called('CronDelete', { id: 'nope' }, 'Error: there is none'));
    expect(wakeUps.nextMs).toBe(hour);
    wakeUps.note(called('CronDelete', { id: 'a' }, { id: 'a' }));
    expect(wakeUps.nextMs).toBe(2 * hour);
  });

  test('is known once if its times are not understood, and other results are left alone', () => {
    wakeUps.note(cron('whenever it rains', 'odd', now + hour));
    wakeUps.note(called('TaskCreate', { subject: 'a' }, { id: 'odd', task: {} }));
    expect(wakeUps.nextMs).toBe(hour);
    now += 2 * hour;
    expect(wakeUps.nextMs).toBeNull();
    wakeUps.note([{ type: 'user' }, { type: 'assistant', message: { content: 'text' } }, { type: 'summary' }]);
    expect(wakeUps.nextMs).toBeNull();
  });
});

test('SCHEDULE-11: times with fractions of a millisecond are told in whole ones, and impossible ones are not told', () => {
  const first = new Date(2030, 0, 1, 12, 5, 20).getTime();
  wakeUps.note(cron('*/5 * * * *', 'often', first + 0.442));
  wakeUps.note(cron('30 14 * * *', 'once', now + 3 * hour + 0.058, false));
  wakeUps.note(called('ScheduleWakeup', { prompt: 'Look.' }, { scheduledFor: 9e15 }));
  const ever = { id: 'ever', recurring: true, nextFireAt: first, maxAgeMs: 1e300 };
  wakeUps.note(called('CronCreate', { cron: '*/5 * * * *', prompt: 'Look.' }, ever));
  expect(changes).toMatchObject([
    { key: 'often', nextAt: new Date(first), recurs: { laterMs: 20_000 } },
    { key: 'once', nextAt: new Date(now + 3 * hour) },
    { key: 'ever', recurs: { laterMs: 20_000, until: null } },
  ]);
});

test('SCHEDULE-11: what the agent schedules and cancels is told, without what only its program can say', () => {
  const first = new Date(2030, 0, 1, 12, 5, 20).getTime();
  wakeUps.note(cron('*/5 * * * *', 'often', first));
  wakeUps.note(cron('30 14 * * *', 'once', now + 3 * hour, false));
  wakeUps.note(called('ScheduleWakeup', { delaySeconds: 90, prompt: 'Look.' }, { scheduledFor: now + 2 * minute }));
  for (const prompt of ['<<autonomous-loop-dynamic>>', ' ', undefined])
    wakeUps.note(called('ScheduleWakeup', { delaySeconds: 90, prompt }, { scheduledFor: now + 2 * minute }));
  wakeUps.note(called('CronDelete', { id: 'often' }, { id: 'often' }));
  wakeUps.note(called('TaskStop', { id: 'once' }, { id: 'once' }));
  const until = new Date(now + 30 * 24 * hour);
  expect(changes).toEqual([
    {
      is: 'added',
      key: 'often',
      prompt: 'Look.',
      nextAt: new Date(first),
      recurs: { cron: '*/5 * * * *', laterMs: 20_000, until },
    },
    { is: 'added', key: 'once', prompt: 'Look.', nextAt: new Date(now + 3 * hour), recurs: undefined },
    {
      is: 'added',
      key: expect.stringMatching(/^ScheduleWakeup:call-/),
      prompt: 'Look.',
      nextAt: new Date(now + 2 * minute),
      replaces: 'ScheduleWakeup',
    },
    // Each of the others replaces it.
    ...Array.from({ length: 3 }, () => ({ is: 'removed', key: 'ScheduleWakeup' })),
    { is: 'removed', key: 'often' },
  ]);
  expect(wakeUps.hasOwn).toBe(true);
  now += 4 * minute;
  expect(wakeUps.hasOwn).toBe(false);
});

test('SCHEDULE-11: how much later it is told, and until when, counts from when it was said, not from when that is read', () => {
  // Nominally at 12:05.
  const first = new Date(2030, 0, 1, 12, 5, 20).getTime();
  const entries = cron('*/5 * * * *', 'often', first);
  now = noon + 12 * minute;
  wakeUps.note(entries);
  const until = new Date(noon + 30 * 24 * hour);
  expect(changes).toMatchObject([{ nextAt: new Date(first), recurs: { laterMs: 20_000, until } }]);
});

test('SCHEDULE-11: of what is read again, because a session is opened again, only what is still due is told', () => {
  const often = new Date(2029, 11, 31, 12, 5, 20).getTime();
  const said = noon - 24 * hour;
  wakeUps.note(cron('*/5 * * * *', 'often', often, true, said));
  wakeUps.note(cron('*/5 * * * *', 'expired', often, true, said - 30 * 24 * hour));
  wakeUps.note(cron('30 11 * * *', 'past', noon - 30 * minute, false, said));
  wakeUps.note(cron('30 14 * * *', 'future', noon + 3 * hour, false, said));
  wakeUps.note(called('ScheduleWakeup', { prompt: 'Look.' }, { scheduledFor: said + 2 * minute }, said));
  expect(changes.map((change) => [change.key, 'nextAt' in change && change.nextAt])).toEqual([
    ['often', new Date(2030, 0, 1, 12, 5, 20)],
    ['future', new Date(noon + 3 * hour)],
  ]);
});

test('SCHEDULE-11: a pattern that is told hours later than it says is not understood, and known once', () => {
  wakeUps.note(cron('0 13 * * *', 'odd', now + 5 * hour));
  expect(changes).toMatchObject([{ key: 'odd', nextAt: new Date(now + 5 * hour), recurs: undefined }]);
});

describe('SCHEDULE-11: when a session is opened, what its transcript says', () => {
  let transcript: TranscriptSchedules;
  beforeEach(() => (transcript = new TranscriptSchedules(() => now)));
  const add = (entries: readonly SessionStoreEntry[], isSurplus = false): void => {
    for (const entry of entries) transcript.add(entry, isSurplus);
  };
  const keys = (since: Date | null = null) =>
    transcript.left(since).map(({ is, key }) => (is === 'added' ? key.replace(/call-.*/, 'x') : `-${key}`));
  const wake = (atMs: number, dueMs = atMs + 2 * minute): SessionStoreEntry[] =>
    called('ScheduleWakeup', { prompt: 'Look.' }, { scheduledFor: dueMs }, atMs);

  test('is told if it was stored by another way than as it was written, or said in the last turn', () => {
    expect(transcript.isEmpty).toBe(true);
    add(cron('0 9 * * *', 'known', noon + 21 * hour, true, noon - 3 * hour));
    add(cron('0 9 * * *', 'lost', noon + 21 * hour, true, noon - 2 * hour), true);
    add(cron('0 9 * * *', 'last', noon + 21 * hour, true, noon - hour));
    expect(transcript.isEmpty).toBe(false);
    expect(keys()).toEqual(['lost']);
    expect(keys(new Date(noon - hour))).toEqual(['lost', 'last']);
    add(called('CronDelete', { id: 'lost' }, { id: 'lost' }, noon - 30 * minute));
    expect(keys()).toEqual([]);
    expect(keys(new Date(noon - hour))).toEqual(['last', '-lost']);
  });

  test('is over if the program has lived on beyond it, and else was missed', () => {
    add(wake(noon - 20 * minute), true);
    expect(keys()).toEqual(['ScheduleWakeup:x']);
    expect(transcript.left(null)).toMatchObject([{ nextAt: new Date(noon - 18 * minute) }]);
    add([{ type: 'user', timestamp: new Date(noon - 17 * minute).toISOString(), message: { content: 'Look.' } }]);
    expect(keys()).toEqual([]);
  });

  test('counts as a whole: one that was replaced does not come back', () => {
    add(wake(noon - 20 * minute, noon + 8 * hour), true);
    add(wake(noon - 10 * minute));
    add(wake(noon - 9 * minute, noon - 7 * minute));
    expect(keys()).toEqual([]);
    add([{ type: 'system', timestamp: new Date(noon).toISOString() }]);
    expect(keys()).toEqual([]);
  });

  test('is left alone if it is older than what is known to be over', () => {
    add(cron('0 9 1 6 *', 'old', noon + 150 * 24 * hour, false, noon - 31 * 24 * hour), true);
    add([{ type: 'user', message: { content: 'without a time' } }, ...called('Bash', {}, { id: 'x' })], true);
    expect(transcript.isEmpty).toBe(true);
  });
});
