/** What the usage page asks for and compares. */
import { tokensIn } from '../../protocol/usage.ts';
import type { UsageTotals } from '../../protocol/usage-report.ts';

export const usageDays = [7, 30, 90] as const;
export type UsageDays = (typeof usageDays)[number];

/** The first of so many days, today included, as a date of this browser's calendar. */
export function firstDay(count: number, now: Date): string {
  const day = new Date(now.getFullYear(), now.getMonth(), now.getDate() - count + 1, 12);
  const padded = [day.getMonth() + 1, day.getDate()].map((part) => String(part).padStart(2, '0'));
  return [day.getFullYear(), ...padded].join('-');
}

export const allTokens = (usage: UsageTotals): number => tokensIn(usage) + usage.outputTokens;

/** What is compared: dollars, or tokens where nothing has a price. */
export type Measure = 'cost' | 'tokens';

export const measureOf = (total: UsageTotals): Measure => (total.costUsd > 0 ? 'cost' : 'tokens');

export const amountOf = (usage: UsageTotals, measure: Measure): number =>
  measure === 'cost' ? Math.max(usage.costUsd, 0) : allTokens(usage);

/** The end of an axis that has room for this: one, two or five, and noughts. */
export function axisEnd(most: number): number {
  if (!(most > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(most));
  const steps = [1, 2, 5, 10].map((step) => step * unit);
  return steps.find((end) => end >= most * (1 - 1e-9)) ?? most;
}

/** Which of so many days are named below the chart: at most so many, the last one among them. */
export function namedDays(count: number, most: number): ReadonlySet<number> {
  const step = Math.max(1, Math.ceil(count / most));
  return new Set(Array.from({ length: Math.ceil(count / step) }, (_, at) => count - 1 - at * step));
}
