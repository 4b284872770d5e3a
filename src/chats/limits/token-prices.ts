/**
 * What tokens of a model cost, learned from what the agent has reported: sums of tokens of four kinds, and what they cost
 * together. Prices differ by a lot between models, and what the cache costs differs too (reads of one model cost a tenth of
 * its input, of another a twentieth), so there is no table to look them up in.
 *
 * The prices are those that explain the sums best (least squares), and are nearest to the usual proportions where the sums do
 * not tell. A price is given only for tokens that made up some part of what was paid.
 */
import { counters } from '../../protocol/usage.ts';
import type { Usage } from '../../protocol/event.ts';

export type PricedUsage = Usage & { costUsd: number };
/** In US dollars per token. */
export type TokenPrices = Record<keyof Usage, number | null>;

/** Where the sums do not tell. */
const usual: Usage = {
  inputTokens: 1,
  outputTokens: 5,
  cacheReadInputTokens: 0.1,
  cacheCreationInputTokens: 1.25,
};

/** How firmly the usual proportions are kept, against one sum. */
const firmness = 1e-3;
/** Of what was paid. */
const leastShare = 0.1;

export function learnPrices(sums: readonly PricedUsage[]): TokenPrices | null {
  const paid = sums.filter(({ costUsd, ...usage }) => costUsd > 0 && weightOf(usage) > 0);
  const total = paid.reduce((sum, usage) => sum + weightOf(usage), 0);
  if (total === 0) return null;
  const perWeight = paid.reduce((sum, { costUsd }) => sum + costUsd, 0) / total;
  // As factors of the usual proportions, each sum as a part of what it cost.
  const rows = paid.map((usage) => counters.map((kind) => (usage[kind] * usual[kind] * perWeight) / usage.costUsd));
  const factors = solve(
    counters.map((_, at) =>
      counters.map((__, by) => rows.reduce((sum, row) => sum + row[at]! * row[by]!, at === by ? firmness : 0)),
    ),
    counters.map((_, at) => rows.reduce((sum, row) => sum + row[at]!, firmness)),
  );
  const prices = counters.map((kind, at): [keyof Usage, number | null] => {
    const isTold = rows.some((row) => row[at]! >= leastShare);
    return [kind, isTold && factors[at]! > 0 ? factors[at]! * usual[kind] * perWeight : null];
  });
  return Object.fromEntries(prices) as TokenPrices;
}

const weightOf = (usage: Usage): number => counters.reduce((sum, kind) => sum + usage[kind] * usual[kind], 0);

/** Gauss–Jordan elimination; the firmness keeps the matrix regular. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, at) => [...row, right[at]!]);
  for (const [at] of rows.entries()) {
    const best = rows.slice(at).reduce((max, row) => (Math.abs(row[at]!) > Math.abs(max[at]!) ? row : max));
    const from = rows.indexOf(best, at);
    [rows[at], rows[from]] = [best, rows[at]!];
    for (const [other, row] of rows.entries()) {
      if (other === at) continue;
      const factor = row[at]! / best[at]!;
      for (let column = at; column < row.length; column += 1) row[column]! -= factor * best[column]!;
    }
  }
  return rows.map((row, at) => row.at(-1)! / row[at]!);
}
