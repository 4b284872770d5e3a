import { expect, test } from 'vitest';
import { addDays, Days, daysBetween } from './days.ts';

const starts = (timeZone: string, ...days: string[]): string[] =>
  days.map((day) => new Days(timeZone).start(day).toISOString().replace(':00.000Z', 'Z'));

test.each<[string, string, string]>([
  ['UTC', '2026-11-30', '2026-11-30T00:00Z'],
  ['Europe/Berlin', '2026-03-29', '2026-03-28T23:00Z'],
  ['Europe/Berlin', '2026-03-30', '2026-03-29T22:00Z'],
  ['Europe/Berlin', '2026-10-26', '2026-10-25T23:00Z'],
  ['Asia/Kathmandu', '2026-01-01', '2025-12-31T18:15Z'],
  ['Pacific/Kiritimati', '2026-01-01', '2025-12-31T10:00Z'],
  ['Pacific/Pago_Pago', '2026-01-01', '2026-01-01T11:00Z'],
  // Clocks are put forward at midnight.
  ['Asia/Beirut', '2026-03-29', '2026-03-28T22:00Z'],
  // And back at midnight, to eleven in the evening.
  ['America/Sao_Paulo', '2018-02-18', '2018-02-18T03:00Z'],
  // A day that was skipped.
  ['Pacific/Apia', '2011-12-30', '2011-12-30T10:00Z'],
  ['Pacific/Apia', '2011-12-31', '2011-12-30T10:00Z'],
])('USAGE-7: in %s, %s begins at %s', (timeZone, day, start) => {
  expect(starts(timeZone, day)).toEqual([start]);
});

test('USAGE-7: every day begins where the one before ends', () => {
  for (const timeZone of ['America/St_Johns', 'Australia/Lord_Howe', 'Asia/Beirut', 'America/Havana']) {
    const days = new Days(timeZone);
    const all = Array.from({ length: 365 }, (_, at) => addDays('2026-01-01', at));
    const wrong = all.filter((day) => {
      const start = days.start(day).getTime();
      return days.of(new Date(start)) !== day || days.of(new Date(start - 900_000)) !== addDays(day, -1);
    });
    expect({ timeZone, wrong }).toEqual({ timeZone, wrong: [] });
  }
});

test('days are counted and added across months and leap years', () => {
  expect([addDays('2028-02-28', 1), addDays('2028-03-01', -1), addDays('2026-12-31', 1)]).toEqual([
    '2028-02-29',
    '2028-02-29',
    '2027-01-01',
  ]);
  expect(daysBetween('2026-12-31', '2027-01-02')).toBe(2);
});
