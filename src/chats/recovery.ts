import { endWithoutResult } from '../agents/agent-backend.ts';
import type { Decision } from '../protocol/decision.ts';
import { BooError } from '../protocol/error.ts';
import type { Sql } from '../store/database.ts';
import { findPendingDecisions } from '../store/decisions.ts';
import { findRunningTurn, finishTurn } from '../store/turns.ts';
import type { ChatLog } from './chat-log.ts';
import { settlement } from './turn.ts';

/**
 * Finishes what the chat's last holder left open. Every started turn finishes exactly once: one that its host did not
 * survive is finished here, as interrupted, before anything else is written. `onLeft` is told of the decisions before
 * they are cancelled.
 */
export async function recoverChat(
  sql: Sql,
  log: ChatLog,
  onLeft: (decisions: readonly Decision[]) => void = () => {},
): Promise<void> {
  const { chatId } = log.lease;
  const [turnId, decisions] = await Promise.all([findRunningTurn(sql, chatId), findPendingDecisions(sql, chatId)]);
  if (turnId === null && decisions.length === 0) return;

  onLeft(decisions);
  const cancelled = decisions.map((decision) =>
    settlement(decision.turnId ?? undefined, decision.id, { outcome: 'cancelled', by: 'host' }),
  );
  const { outcome, error, usage, costUsd } = endWithoutResult(
    'interrupted',
    new BooError('host_restarted', 'The host ended while this turn was running. Send the prompt again to go on.'),
  );
  await log.append({
    events: [
      ...cancelled.flatMap((write) => write.events),
      ...(turnId === null
        ? []
        : [{ turnId, body: { type: 'turn_finished' as const, turnId, outcome, error, usage, costUsd } }]),
    ],
    side: (db) => [
      ...cancelled.flatMap((write) => write.side?.(db) ?? []),
      ...(turnId === null ? [] : [finishTurn(db, { id: turnId, outcome, error, usage, costUsd })]),
    ],
  });
}
