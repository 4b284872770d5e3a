/** A turn that its host did not survive: what can be derived from what was stored. */
import { endWithoutResult, type TurnTraces } from '../agents/agent-backend.ts';
import type { AgentName } from '../protocol/chat.ts';
import type { Decision } from '../protocol/decision.ts';
import type { Usage } from '../protocol/event.ts';
import { bookUsage } from '../store/agent-sessions.ts';
import { findChat } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { findAllowedDecisions } from '../store/decisions.ts';
import { findFinishedCalls, type NewEvent, type Write } from '../store/events.ts';
import type { ChatLog } from './chat-log.ts';
import { readTraces, withTraces } from './uncounted.ts';

export interface LeftTurn {
  usage: Usage;
  /** The events that precede the turn's end: calls that were allowed and have no result, and usage. */
  write: Write;
}

export async function lookAtLeftTurn(sql: Sql, log: ChatLog, turnId: string, traces: TurnTraces): Promise<LeftTurn> {
  const { chatId } = log.lease;
  const chat = await findChat(sql, chatId);
  await readTraces(sql, { chatId, turnId }, traces);
  const { end, events, unpriced } = withTraces(turnId, endWithoutResult('interrupted'), traces);
  const open = await callsWithoutResult(sql, turnId, traces, 'the host');
  return {
    usage: end.usage,
    write: {
      events: [...open, ...events],
      side: (db) =>
        events.length > 0 && chat ? bookUsage(db, log.lease, chat.agent satisfies AgentName, { ...end, unpriced }) : [],
    },
  };
}

/**
 * Says of each call that was allowed and has no result that it is unknown whether it ran, and of each whose result only
 * the agent's transcript has that it is there. After `readTraces`.
 */
export async function callsWithoutResult(
  sql: Sql,
  turnId: string,
  { finishedCalls }: TurnTraces,
  who: 'the host' | 'the agent’s process',
): Promise<NewEvent[]> {
  const allowed = await findAllowedDecisions(sql, turnId);
  const isFinished = ({ toolCallId }: Decision): boolean => toolCallId !== null && finishedCalls.has(toolCallId);
  const [decision] = allowed.filter(isFinished);
  const shown = new Set(decision ? await findFinishedCalls(sql, decision.chatId, turnId) : []);
  return allowed.flatMap((each): NewEvent[] => {
    if (!isFinished(each)) return [{ turnId, body: withoutResult(each, who) }];
    return shown.has(each.toolCallId!) ? [] : [{ turnId, body: resultNotShown(each, who) }];
  });
}

function resultNotShown({ id, title, toolCallId }: Decision, who: string) {
  return {
    type: 'notice',
    level: 'info',
    code: 'decision_without_result',
    message: `“${title}” was allowed and has run, and the agent has its result, but ${who} ended before it was shown here.`,
    data: { decisionId: id, toolCallId },
  } as const;
}

function withoutResult({ id, title, toolCallId }: Decision, who: string) {
  return {
    type: 'notice',
    level: 'warning',
    code: 'decision_without_result',
    message:
      `“${title}” was allowed and the answer stored, but ${who} ended before there was a result: ` +
      'it is unknown whether it ran, or how far. Check before you send the prompt again.',
    data: { decisionId: id, toolCallId },
  } as const;
}
