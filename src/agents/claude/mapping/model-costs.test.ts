import { describe, expect, it } from 'vitest';
import { baselineOf, costSince, readTotals, zeroTotals } from './model-costs.ts';

function usage(inputTokens: number, outputTokens: number, costUSD: number): Record<string, number> {
  return { inputTokens, outputTokens, cacheReadInputTokens: 7, cacheCreationInputTokens: 3, costUSD };
}

describe('costSince', () => {
  it('returns the difference per model and advances the baseline', () => {
    const first = costSince(zeroTotals, readTotals(0.5, { opus: usage(10, 20, 0.5) }));
    expect(first.turn).toEqual({
      costUsd: 0.5,
      usage: { inputTokens: 10, outputTokens: 20, cacheReadInputTokens: 7, cacheCreationInputTokens: 3 },
      models: {
        opus: { inputTokens: 10, outputTokens: 20, cacheReadInputTokens: 7, cacheCreationInputTokens: 3, costUsd: 0.5 },
      },
    });
    const second = costSince(first.baseline, readTotals(0.75, { opus: usage(10, 20, 0.5), haiku: usage(4, 5, 0.25) }));
    expect(second.turn.costUsd).toBeCloseTo(0.25, 12);
    expect(Object.keys(second.turn.models)).toEqual(['haiku']);
    expect(second.turn.usage).toMatchObject({ inputTokens: 4, outputTokens: 5 });
  });

  it('treats totals below the baseline as a new start', () => {
    const { turn, baseline } = costSince(
      readTotals(2, { opus: usage(100, 100, 2) }),
      readTotals(0.1, { opus: usage(5, 6, 0.1) }),
    );
    expect(turn.costUsd).toBeCloseTo(0.1, 12);
    expect(turn.usage.inputTokens).toBe(5);
    expect(baseline.costUsd).toBe(0.1);
  });

  it('is not misled by floating-point rounding', () => {
    const { turn } = costSince(readTotals(0.1 + 0.2, {}), readTotals(0.3, { opus: usage(1, 1, 0.3) }));
    expect(turn.costUsd).toBe(0);
  });

  it('leaves the baseline alone when a result says nothing about costs', () => {
    const before = readTotals(2, { opus: usage(100, 100, 2) });
    expect(costSince(before, readTotals(0, {}))).toEqual({
      turn: { costUsd: 0, usage: expect.objectContaining({ inputTokens: 0 }) as unknown, models: {} },
      baseline: before,
    });
  });

  it('keeps a model whose name is special to objects', () => {
    const odd = JSON.parse('{"__proto__": {"inputTokens": 3, "costUSD": 1}}') as unknown;
    const { turn } = costSince(zeroTotals, readTotals(1, odd));
    expect(Object.keys(turn.models)).toEqual(['__proto__']);
    expect(turn.usage.inputTokens).toBe(3);
  });
});

describe('baselineOf', () => {
  it('reads a cost-state', () => {
    const baseline = baselineOf({ type: 'cost-state', totalCostUSD: 3, modelUsage: { opus: usage(2, 2, 3) } });
    expect(baseline.costUsd).toBe(3);
    expect(baseline.models['opus']?.inputTokens).toBe(2);
  });

  it('is zero without one', () => {
    expect(baselineOf(undefined)).toBe(zeroTotals);
  });
});
