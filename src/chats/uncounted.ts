/** Counts, from the stored transcript, what a turn used whose agent returned no result. */
import type { ModelCost, TurnTraces } from '../agents/agent-backend.ts';
import type { Usage } from '../protocol/event.ts';
import { counters, mostOf, restOf, sumOf, tokensIn, noUsage } from '../protocol/usage.ts';
import type { Sql } from '../store/database.ts';
import type { NewEvent } from '../store/events.ts';
import { readTurnEntries } from '../store/session-transcripts.ts';
import type { TurnEnd } from './turn.ts';

/** Hands the turn's stored entries to `traces`. */
export async function readTraces(
  sql: Sql,
  turn: { chatId: string; turnId: string },
  traces: TurnTraces,
): Promise<void> {
  for (let after = 0; ;) {
    const page = await readTurnEntries(sql, turn, after);
    for (const { json } of page) traces.add(json);
    const last = page.at(-1);
    if (!last) return;
    after = last.ordinal;
  }
}

export interface CountedEnd {
  end: TurnEnd;
  events: NewEvent[];
  /** By model, how many tokens were added, whose cost in dollars is not known yet. */
  unpriced?: Record<string, number>;
}

/**
 * Adds the counted usage to the turn's end, and returns the event that reports it. Never less than what the transcript
 * shows: for an answer that was cut off, the agent may have reported less.
 */
export function withTraces(turnId: string, end: TurnEnd, traces: TurnTraces): CountedEnd {
  const models: Record<string, ModelCost> = { ...end.models };
  const unpriced: Record<string, number> = {};
  let added = noUsage;
  for (const [model, seen] of Object.entries(traces.seen)) {
    const told = Object.hasOwn(models, model) ? models[model] : undefined;
    const spent = traces.spent[model] ?? noUsage;
    const all = mostOf(sumOf(told ?? noUsage, spent), seen);
    const more = restOf(all, told ?? noUsage);
    added = sumOf(added, more);
    unpriced[model] = tokensIn(more) + more.outputTokens;
    models[model] = { ...all, costUsd: told?.costUsd ?? 0 };
  }
  if (counters.every((counter) => added[counter] === 0)) return { end, events: [] };
  return {
    end: { ...end, usage: sumOf(end.usage, added), models },
    events: [{ turnId, body: costUnknown(added) }],
    unpriced,
  };
}

function costUnknown(usage: Usage) {
  return {
    type: 'notice',
    level: 'info',
    code: 'turn_cost_unknown',
    message:
      `${tokensIn(usage)} input and ${usage.outputTokens} output tokens of the interrupted turn were counted from its transcript. Their cost in ` +
      'dollars is not in the totals yet: it is added when the session continues, if the agent recorded it before it ended.',
  } as const;
}
