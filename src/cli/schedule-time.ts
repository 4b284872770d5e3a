/** Times as people type them. */
import { misuse } from './cli.ts';

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `10m`, `2h`, `1d12h` in milliseconds; undefined for anything else. */
export function durationMs(given: string): number | undefined {
  const parts = [...given.matchAll(/(\d{1,6})([smhd])/g)];
  const ms = parts.reduce((sum, [, count, unit]) => sum + Number(count) * unitMs[unit as keyof typeof unitMs], 0);
  return parts.map(([all]) => all).join('') !== given || ms === 0 ? undefined : ms;
}

/** That much from now, as ISO time. Throws for anything else. */
export function timeIn(given: string, now: Date): string {
  const ms = durationMs(given);
  if (ms === undefined) throw misuse(`--in: '${given}' is not a time from now, such as 90s, 10m, 2h or 1d12h.`);
  const at = new Date(now.getTime() + ms);
  if (!(at.getUTCFullYear() <= 9_999)) throw misuse(`--in: '${given}' is too long.`);
  return at.toISOString();
}

const timeOnly = /^(\d{1,2}):(\d{2})$/;
const dateAndTime = /^(\d{4})-(\d{2})-(\d{2})[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?$/;

/** `09:00`, the next one, `2027-01-31 09:00` or an ISO time; without an offset it is local. */
export function timeAt(given: string, now: Date): string {
  const [, hours, minutes] = timeOnly.exec(given) ?? [];
  if (hours !== undefined && Number(hours) < 24 && Number(minutes) < 60) {
    const at = new Date(now);
    at.setHours(Number(hours), Number(minutes), 0, 0);
    if (at <= now) at.setDate(at.getDate() + 1);
    return at.toISOString();
  }
  const [, year, month, day] = dateAndTime.exec(given) ?? [];
  // Otherwise the 31st of February would be the third of March.
  if (
    day !== undefined &&
    new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() !== Number(day)
  )
    throw misuse(`--at: '${given}' is not a time: that month does not have this day.`);
  const at = dateAndTime.test(given) ? new Date(given.replace(' ', 'T')) : undefined;
  if (!at || Number.isNaN(at.getTime()))
    throw misuse(`--at: '${given}' is not a time, such as 09:00, '2027-01-31 09:00' or 2027-01-31T09:00:00+01:00.`);
  return at.toISOString();
}
