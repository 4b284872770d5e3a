import { describe, expect, test } from 'vitest';
import { timeAt, timeIn } from './schedule-time.ts';

const now = new Date(2027, 0, 31, 12);

describe('SCHEDULE-10: times as people type them', () => {
  test.each([
    ['13:00', new Date(2027, 0, 31, 13)],
    ['9:00', new Date(2027, 1, 1, 9)],
    ['2028-02-29 09:00', new Date(2028, 1, 29, 9)],
    ['2027-02-28T09:00:00Z', new Date('2027-02-28T09:00:00Z')],
  ])('%s is understood', (given, at) => {
    expect(timeAt(given, now)).toBe(at.toISOString());
  });

  test.each(['25:00', 'noon', '2027-02-31 09:00', '2027-02-29T09:00:00Z', '2027-13-01 09:00', '2027-04-31 09:00'])(
    '%s is refused, not taken for another day',
    (given) => {
      expect(() => timeAt(given, now)).toThrow(/is not a time/);
    },
  );

  test('durations are added, and one that is too long is refused', () => {
    expect(timeIn('1d12h', now)).toBe(new Date(2027, 1, 2).toISOString());
    for (const given of ['0s', 'soon', '5w']) expect(() => timeIn(given, now)).toThrow(/is not a time from now/);
    for (const given of ['999999d999999d999999d999999d', '999999d'.repeat(200)])
      expect(() => timeIn(given, now)).toThrow(/too long/);
  });
});
