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

/**
 * Adds the counted usage to the turn's end, and returns the event that reports it. Never less than what the transcript
 * shows: for an answer that was cut off, the agent may have reported less.
 */
export function withTraces(turnId: string, end: TurnEnd, traces: TurnTraces): { end: TurnEnd; events: NewEvent[] } {
  const models: Record<string, ModelCost> = { ...end.models };
  let added = noUsage;
  for (const [model, seen] of Object.entries(traces.seen)) {
    const told = Object.hasOwn(models, model) ? models[model] : undefined;
    const spent = traces.spent[model] ?? noUsage;
    const all = mostOf(sumOf(told ?? noUsage, spent), seen);
    added = sumOf(added, restOf(all, told ?? noUsage));
    models[model] = { ...all, costUsd: told?.costUsd ?? 0 };
  }
  if (counters.every((counter) => added[counter] === 0)) return { end, events: [] };
  return {
    end: { ...end, usage: sumOf(end.usage, added), models },
    events: [{ turnId, body: costUnknown(added) }],
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
