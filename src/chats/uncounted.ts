/** What a turn used that its agent gave no result for: counted from the stored transcript. */
import type { ModelCost, TurnTraces } from '../agents/agent-backend.ts';
import { noUsage, type Usage } from '../protocol/event.ts';
import { tokensIn } from '../protocol/tokens-in.ts';
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

/** The end with what was counted added to it, and the event that says so. */
export function withTraces(turnId: string, end: TurnEnd, { spent }: TurnTraces): { end: TurnEnd; events: NewEvent[] } {
  if (Object.keys(spent.models).length === 0) return { end, events: [] };
  const models: Record<string, ModelCost> = { ...end.models };
  for (const [model, cost] of Object.entries(spent.models)) {
    const told = Object.hasOwn(models, model) ? models[model] : undefined;
    models[model] = { ...sum(told ?? noUsage, cost), costUsd: told?.costUsd ?? 0 };
  }
  return {
    end: { ...end, usage: sum(end.usage, spent.usage), models },
    events: [{ turnId, body: costUnknown(spent.usage) }],
  };
}

function sum(one: Usage, other: Usage): Usage {
  return {
    inputTokens: one.inputTokens + other.inputTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    cacheReadInputTokens: one.cacheReadInputTokens + other.cacheReadInputTokens,
    cacheCreationInputTokens: one.cacheCreationInputTokens + other.cacheCreationInputTokens,
  };
}

function costUnknown(usage: Usage) {
  return {
    type: 'notice',
    level: 'info',
    code: 'turn_cost_unknown',
    message:
      `${tokensIn(usage)} tokens in and ${usage.outputTokens} out of the interrupted turn were counted from its transcript. What they cost in ` +
      'dollars is in no total yet: it is added when the session goes on, if the agent noted it before it ended.',
  } as const;
}
