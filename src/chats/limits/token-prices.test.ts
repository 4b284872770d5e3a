import { describe, expect, test } from 'vitest';
import { learnPrices, type PricedUsage } from './token-prices.ts';

const prices = [2e-6, 10e-6, 0.1e-6, 2.5e-6] as const;

function sum(input: number, output: number, read: number, written: number): PricedUsage {
  const costUsd = input * prices[0] + output * prices[1] + read * prices[2] + written * prices[3];
  return {
    inputTokens: input,
    outputTokens: output,
    cacheReadInputTokens: read,
    cacheCreationInputTokens: written,
    costUsd,
  };
}

describe('USAGE-24: the prices of tokens', () => {
  test('are learned from what the agent reports, whatever a read of the cache costs', () => {
    const sums = [
      sum(3, 20, 0, 10_000),
      sum(30, 900, 90_000, 700),
      sum(9, 3_000, 20_000, 4_000),
      sum(4, 50, 50_000, 90),
    ];
    const learned = learnPrices(sums)!;
    expect(learned.cacheCreationInputTokens! / prices[3]).toBeCloseTo(1, 1);
    expect(learned.cacheReadInputTokens! / prices[2]).toBeCloseTo(1, 1);
    expect(learned.outputTokens! / prices[1]).toBeCloseTo(1, 1);
    // So little was paid for it that nothing can be said.
    expect(learned.inputTokens).toBeNull();
  });

  test('are given only for what was paid for', () => {
    const { cacheReadInputTokens, cacheCreationInputTokens } = learnPrices([sum(3, 20, 0, 10_000)])!;
    expect(cacheReadInputTokens).toBeNull();
    expect(cacheCreationInputTokens! / prices[3]).toBeCloseTo(1, 1);
  });

  test('are unknown without a cost', () => {
    expect(learnPrices([])).toBeNull();
    expect(learnPrices([{ ...sum(1, 1, 1, 1), costUsd: 0 }])).toBeNull();
  });
});
