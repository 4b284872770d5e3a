import { BooError } from '../../protocol/error.ts';
import { maxUsageRows, usualUsageDays, usualUsageRows } from '../../protocol/usage-groups.ts';
import type { UsageQuery, UsageReport, UsageRow, UsageTotals } from '../../protocol/usage-report.ts';
import type { SlowLane } from '../../store/slow-lane.ts';
import { readUsageByDay, readUsageBy, type UsageLine } from '../../store/usage-reports.ts';
import { ownTimeZone } from '../../protocol/own-time-zone.ts';
import { assertTimeZone } from '../schedules/schedule-times.ts';
import { addDays, Days, daysBetween } from './days.ts';

/** What chats have used. */
export interface ChatUsage {
  /** Throws `invalid_request` for times and zones that do not exist, and `query_timeout`. The signal gives it up. */
  report(query: UsageQuery, signal?: AbortSignal, visibleTo?: string): Promise<UsageReport>;
}

const nothing: UsageTotals = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadInputTokens: 0,
  cacheCreationInputTokens: 0,
  costUsd: 0,
  unpricedTokens: 0,
};
const numbers = Object.keys(nothing) as (keyof UsageTotals)[];

export class UsageReports implements ChatUsage {
  readonly #slow: SlowLane;
  readonly #now: () => Date;

  constructor({ slow, now = () => new Date() }: { slow: SlowLane; now?: () => Date }) {
    this.#slow = slow;
    this.#now = now;
  }

  async report(
    { group = 'day', limit: given = usualUsageRows, ...query }: UsageQuery,
    signal?: AbortSignal,
    visibleTo?: string,
  ) {
    const timeZone = query.timeZone ?? ownTimeZone();
    assertTimeZone(timeZone);
    const days = new Days(timeZone);
    const limit = Math.min(given, maxUsageRows);
    const range = { ...rangeOf(days, query, this.#now()), visibleTo };
    const late = 'The usage could not be added up in time: ask for a shorter time.';
    const about = { group, from: range.from.toISOString(), to: range.to.toISOString(), timeZone };
    if (group !== 'day') {
      const lines = await this.#slow.ask((db) => readUsageBy(db, group, { ...range, limit }), { signal, late });
      return { ...about, ...reportOf(lines) };
    }
    const first = days.of(range.from);
    const count = daysBetween(first, days.of(new Date(range.to.getTime() - 1))) + 1;
    const shown = Math.min(count, limit);
    const names = Array.from({ length: shown }, (_, at) => addDays(first, count - shown + at));
    const starts = names.map((day) => days.start(day));
    const lines = await this.#slow.ask((db) => readUsageByDay(db, range, starts), { signal, late });
    const byDay = new Map(lines.map(({ day, ...line }) => [day, line]));
    const dayLines = names.map((key, at): UsageLine => ({ key, count: 1, ...nothing, ...byDay.get(at + 1) }));
    const earlier =
      count > shown ? [{ key: null, ...nothing, ...byDay.get(0), count: count - shown, isOther: true }] : [];
    return { ...about, ...reportOf([...dayLines, ...earlier]) };
  }
}

function reportOf(lines: readonly UsageLine[]): Pick<UsageReport, 'items' | 'other' | 'total'> {
  const total = { ...nothing };
  for (const line of lines) for (const number of numbers) total[number] += line[number];
  const items: UsageRow[] = [];
  let other: UsageReport['other'] = null;
  for (const { isOther, count, key, ...line } of lines) {
    if (isOther) other = { count, ...only(line) };
    else items.push({ key: key === '' ? null : key, ...('title' in line ? { title: line.title } : {}), ...only(line) });
  }
  return { items, other, total };
}

function only(line: UsageTotals): UsageTotals {
  return Object.fromEntries(numbers.map((number) => [number, line[number]])) as UsageTotals;
}

/** The last thirty days, today included, unless told otherwise. */
function rangeOf(days: Days, { from, to }: Pick<UsageQuery, 'from' | 'to'>, now: Date): { from: Date; to: Date } {
  const end = to === undefined ? days.start(addDays(days.of(now), 1)) : timeOf(days, 'to', to);
  const lastDay = days.of(new Date(end.getTime() - 1));
  const start = from === undefined ? days.start(addDays(lastDay, 1 - usualUsageDays)) : timeOf(days, 'from', from);
  if (start >= end) throw invalid('from', 'must be before to, which is not included');
  return { from: start, to: end };
}

const dayOnly = /^\d{4}-\d{2}-\d{2}$/;

function timeOf(days: Days, field: 'from' | 'to', text: string): Date {
  const isDay = dayOnly.test(text);
  const time = new Date(isDay ? `${text}T00:00:00Z` : text);
  const year = time.getUTCFullYear();
  const isReal = year >= 1970 && year < 9999 && (!isDay || time.toISOString().startsWith(text));
  if (!isReal) throw invalid(field, `${JSON.stringify(text)} is no day or time since 1970`);
  return isDay ? days.start(text) : time;
}

function invalid(field: string, message: string): BooError {
  return new BooError('invalid_request', `${field}: ${message}.`, { details: { field } });
}
