/**
 * The agent reports running totals; a turn's share is the difference from the totals before it. After a resume they
 * continue from the transcript's last `cost-state` entry; after `/clear` they start at zero.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { Usage } from '../../../protocol/event.ts';
import { counters, noUsage, restOf, sumOf } from '../../../protocol/usage.ts';
import type { ModelCost } from '../../agent-backend.ts';
import { asAmount, asCount, asRecord, isRecord } from './loose-json.ts';

export interface RunningTotals {
  readonly costUsd: number;
  readonly models: Readonly<Record<string, ModelCost>>;
}

export interface TurnCost {
  usage: Usage;
  costUsd: number;
  models: Record<string, ModelCost>;
}

export const zeroTotals: RunningTotals = Object.freeze({ costUsd: 0, models: Object.freeze({}) });

// Sums of small floating-point amounts, added in a different order, differ by less than this.
const dust = 1e-9;

/** Totals as the agent writes them: a cost in US dollars, and usage by model. */
export function readTotals(costUsd: unknown, modelUsage: unknown): RunningTotals {
  const models: [string, ModelCost][] = [];
  for (const [model, value] of Object.entries(asRecord(modelUsage))) {
    if (!isRecord(value)) continue;
    models.push([
      model,
      {
        inputTokens: asCount(value['inputTokens']) ?? 0,
        outputTokens: asCount(value['outputTokens']) ?? 0,
        cacheReadInputTokens: asCount(value['cacheReadInputTokens']) ?? 0,
        cacheCreationInputTokens: asCount(value['cacheCreationInputTokens']) ?? 0,
        costUsd: asAmount(value['costUSD']) ?? 0,
      },
    ]);
  }
  const sum = models.reduce((total, [, model]) => total + model.costUsd, 0);
  return { costUsd: asAmount(costUsd) ?? sum, models: Object.fromEntries(models) };
}

/** Tokens of one request, as reported by its message. */
export function readUsage(usage: unknown): Usage {
  const counted = asRecord(usage);
  return {
    inputTokens: asCount(counted['input_tokens']) ?? 0,
    outputTokens: asCount(counted['output_tokens']) ?? 0,
    cacheReadInputTokens: asCount(counted['cache_read_input_tokens']) ?? 0,
    cacheCreationInputTokens: asCount(counted['cache_creation_input_tokens']) ?? 0,
  };
}

/** The totals that a resumed session continues from: those of the transcript's last `cost-state` entry, or zero. */
export function baselineOf(costState: SessionStoreEntry | undefined): RunningTotals {
  return costState ? readTotals(costState['totalCostUSD'], costState['modelUsage']) : zeroTotals;
}

/**
 * One turn's share, and the next turn's baseline. Totals below the baseline mean that the agent started counting again.
 * Empty totals (a result about a failed start) leave the baseline unchanged.
 */
export function costSince(baseline: RunningTotals, now: RunningTotals): { turn: TurnCost; baseline: RunningTotals } {
  if (now.costUsd === 0 && Object.keys(now.models).length === 0) {
    return { turn: { usage: noUsage, costUsd: 0, models: {} }, baseline };
  }
  const from = now.costUsd < baseline.costUsd - dust ? zeroTotals : baseline;
  const models: [string, ModelCost][] = [];
  let usage = noUsage;
  for (const [model, total] of Object.entries(now.models)) {
    const cost = since(Object.hasOwn(from.models, model) ? from.models[model] : undefined, total);
    if (cost.costUsd === 0 && counters.every((counter) => cost[counter] === 0)) continue;
    models.push([model, cost]);
    usage = sumOf(usage, cost);
  }
  return {
    turn: { usage, costUsd: positive(now.costUsd - from.costUsd), models: Object.fromEntries(models) },
    baseline: now,
  };
}

function since(before: ModelCost | undefined, now: ModelCost): ModelCost {
  // A single model whose count decreased started again, even if the others did not.
  if (!before || counters.some((counter) => now[counter] < before[counter])) return now;
  return { ...restOf(now, before), costUsd: positive(now.costUsd - before.costUsd) };
}

function positive(amount: number): number {
  return amount > dust ? amount : 0;
}
