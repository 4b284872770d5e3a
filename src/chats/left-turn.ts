/** A turn that its host did not live to finish: what of it can be told from what was stored. */
import type { TurnTraces } from '../agents/agent-backend.ts';
import type { AgentName } from '../protocol/chat.ts';
import type { Decision } from '../protocol/decision.ts';
import { noUsage, type Usage } from '../protocol/event.ts';
import { addUsage } from '../store/agent-sessions.ts';
import { findChat } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { findAllowedDecisions } from '../store/decisions.ts';
import type { Write } from '../store/events.ts';
import { readTurnEntries } from '../store/session-transcripts.ts';
import type { ChatLog } from './chat-log.ts';

export interface LeftTurn {
  usage: Usage;
  /** Goes before the event of the turn's end: what was allowed and has no result, and what was used. */
  write: Write;
}

export async function lookAtLeftTurn(sql: Sql, log: ChatLog, turnId: string, traces: TurnTraces): Promise<LeftTurn> {
  const { chatId } = log.lease;
  const [allowed, chat] = await Promise.all([findAllowedDecisions(sql, turnId), findChat(sql, chatId)]);
  for (let after = 0; ;) {
    const page = await readTurnEntries(sql, { chatId, turnId }, after);
    for (const { json } of page) traces.add(json);
    const last = page.at(-1);
    if (!last) break;
    after = last.ordinal;
  }
  const { usage, models } = traces.spent;
  const isSpent = Object.keys(models).length > 0;
  const open = allowed.filter(({ toolCallId }) => toolCallId === null || !traces.finishedCalls.has(toolCallId));
  const bodies = [...open.map(withoutResult), ...(isSpent ? [costUnknown(usage)] : [])];
  return {
    usage: isSpent ? usage : noUsage,
    write: {
      events: bodies.map((body) => ({ turnId, body })),
      side: (db) =>
        isSpent && chat ? [addUsage(db, log.lease, chat.agent satisfies AgentName, { costUsd: 0, models })] : [],
    },
  };
}

function withoutResult({ id, title, toolCallId }: Decision) {
  return {
    type: 'notice',
    level: 'warning',
    code: 'decision_without_result',
    message:
      `“${title}” was allowed and the answer stored, but the host ended before there was a result: ` +
      'it is not known whether it ran, or how far. Look before you send the prompt again.',
    data: { decisionId: id, toolCallId },
  } as const;
}

function costUnknown({ inputTokens, outputTokens, cacheReadInputTokens, cacheCreationInputTokens }: Usage) {
  const input = inputTokens + cacheReadInputTokens + cacheCreationInputTokens;
  return {
    type: 'notice',
    level: 'info',
    code: 'turn_cost_unknown',
    message: `The interrupted turn used ${input} tokens in and ${outputTokens} out, counted from its transcript. What they cost in dollars is not known, and is in no total.`,
  } as const;
}
