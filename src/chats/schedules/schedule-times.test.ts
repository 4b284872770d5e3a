import { describe, expect, test } from 'vitest';
import { assertTimeZone, firstTime, judge, nextTime } from './schedule-times.ts';

/** The next times after a moment, in UTC. */
function times(cron: string, timeZone: string, after: string, count: number): string[] {
  const found: string[] = [];
  for (let at: Date | null = new Date(after); found.length < count;) {
    at = nextTime({ cron, timeZone }, at);
    if (!at) break;
    found.push(at.toISOString().slice(0, 16));
  }
  return found;
}

describe('SCHEDULE-4: across a change of the clocks', () => {
  test('SCHEDULE-4: 09:00 stays 09:00', () => {
    expect(times('0 9 * * *', 'Europe/Berlin', '2026-03-27T12:00Z', 3)).toEqual([
      '2026-03-28T08:00',
      '2026-03-29T07:00',
      '2026-03-30T07:00',
    ]);
    expect(times('0 9 * * *', 'Europe/Berlin', '2026-10-23T12:00Z', 3)).toEqual([
      '2026-10-24T07:00',
      '2026-10-25T08:00',
      '2026-10-26T08:00',
    ]);
  });

  test('SCHEDULE-4: a time that does not exist on that day is the first moment after the gap', () => {
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-03-27T12:00Z', 4)).toEqual([
      '2026-03-28T01:30',
      '2026-03-29T01:00',
      '2026-03-30T00:30',
      '2026-03-31T00:30',
    ]);
  });

  test('SCHEDULE-4: a time that exists twice is the first of the two, and every half hour is every half hour', () => {
    expect(times('30 1 * * *', 'America/New_York', '2026-10-30T12:00Z', 3)).toEqual([
      '2026-10-31T05:30',
      '2026-11-01T05:30',
      '2026-11-02T06:30',
    ]);
    expect(times('*/30 * * * *', 'America/New_York', '2026-11-01T04:50Z', 6)).toEqual([
      '2026-11-01T05:00',
      '2026-11-01T05:30',
      '2026-11-01T06:00',
      '2026-11-01T06:30',
      '2026-11-01T07:00',
      '2026-11-01T07:30',
    ]);
  });
});

test('SCHEDULE-2: a pattern that is wrong or never due, and an unknown time zone, are refused with one sentence', () => {
  const first = (cron: string) => () => firstTime({ cron, timeZone: 'UTC' }, new Date('2026-01-01T00:00Z'));
  for (const cron of ['', '* * * *', '* * * * * *', '@daily']) expect(first(cron)).toThrow(/five fields/);
  for (const cron of ['61 * * * *', 'a b c d e', '*/0 * * * *', '5-1 * * * *'])
    expect(first(cron)).toThrow(/^cron: .* is not a cron pattern: /);
  for (const cron of ['0 0 30 2 *', '0 0 31 4 *']) expect(first(cron)).toThrow(/is never due/);
  expect(first('0 9 * * mon-fri')()).toEqual(new Date('2026-01-01T09:00Z'));
  for (const zone of ['Mars/Olympus', '', '+05:00', 'Europe/Berlin ', '__proto__'])
    expect(() => assertTimeZone(zone)).toThrow(/^timeZone: /);
  for (const zone of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires']) assertTimeZone(zone);
});

describe('what becomes of a schedule that is due', () => {
  const recurrence = { cron: '0 * * * *', timeZone: 'UTC' };
  const due = { at: null, recurrence, missed: 'run', nextAt: new Date('2026-01-01T09:00Z'), takenAt: null } as const;
  const at = (time: string): Date => new Date(`2026-01-01T${time}Z`);

  test('SCHEDULE-5: it is given, and its next time is after now, however many were missed', () => {
    expect(judge({ ...due, now: at('09:00:01') })).toEqual({ is: 'given', nextAt: at('10:00') });
    expect(judge({ ...due, now: at('15:30') })).toEqual({ is: 'given', nextAt: at('16:00') });
    expect(judge({ ...due, recurrence: null, at: due.nextAt, now: at('15:30') })).toEqual({
      is: 'given',
      nextAt: null,
    });
  });

  test('SCHEDULE-5: with skip it is missed once it is more than a minute late', () => {
    expect(judge({ ...due, missed: 'skip', now: at('09:01') })).toEqual({ is: 'given', nextAt: at('10:00') });
    expect(judge({ ...due, missed: 'skip', now: at('09:01:01') })).toEqual({ is: 'missed', nextAt: at('10:00') });
    expect(judge({ ...due, missed: 'skip', recurrence: null, now: at('15:30') })).toEqual({
      is: 'missed',
      nextAt: null,
    });
  });

  test('SCHEDULE-6: times at which its last prompt waited are not made up for, later ones are', () => {
    expect(judge({ ...due, takenAt: at('12:30'), now: at('12:31') })).toEqual({ is: 'waiting', nextAt: at('13:00') });
    expect(judge({ ...due, takenAt: at('08:00'), now: at('09:00:01') })).toEqual({ is: 'given', nextAt: at('10:00') });
  });
});
