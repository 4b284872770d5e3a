import { endWithoutResult } from '../agents/agent-backend.ts';
import type { Decision } from '../protocol/decision.ts';
import { BooError } from '../protocol/error.ts';
import type { Sql } from '../store/database.ts';
import { findPendingDecisions } from '../store/decisions.ts';
import { findPromptOfTurn, type PromptRow, requeuePrompts } from '../store/prompts.ts';
import { findRunningTurn, finishTurn, isTurnSilent } from '../store/turns.ts';
import type { ChatLog } from './chat-log.ts';
import { settlement } from './turn.ts';

export interface RecoveryParts {
  sql: Sql;
  log: ChatLog;
  /** Whether the prompt of a turn that shows no sign of the agent reached it all the same. */
  readonly wasAsked: (turnId: string, prompt: PromptRow) => Promise<boolean>;
  /** Told of the decisions before they are cancelled. */
  readonly onLeft?: (decisions: readonly Decision[]) => void;
}

/**
 * Finishes what the chat's last holder left open. Every started turn finishes exactly once: one that its host did not
 * survive is finished here, as interrupted, before anything else is written. A prompt that never reached the agent waits
 * again.
 */
export async function recoverChat({ sql, log, wasAsked, onLeft }: RecoveryParts): Promise<void> {
  const { chatId } = log.lease;
  const [turnId, decisions] = await Promise.all([findRunningTurn(sql, chatId), findPendingDecisions(sql, chatId)]);
  if (turnId === null && decisions.length === 0) return;

  const prompt =
    turnId !== null && (await isTurnSilent(sql, chatId, turnId)) ? await findPromptOfTurn(sql, chatId, turnId) : null;
  const requeued = turnId !== null && prompt && !(await wasAsked(turnId, prompt)) ? prompt : null;
  onLeft?.(decisions);
  const cancelled = decisions.map((decision) =>
    settlement(decision.turnId ?? undefined, decision.id, { outcome: 'cancelled', by: 'host' }),
  );
  const { outcome, error, usage, costUsd } = endWithoutResult(
    'interrupted',
    new BooError(
      'host_restarted',
      requeued
        ? 'The host ended before the agent took the prompt, which waits again.'
        : 'The host ended while this turn was running. Send the prompt again to go on.',
    ),
  );
  const requeuedPromptIds = requeued ? [requeued.id] : undefined;
  const body = { type: 'turn_finished', outcome, error, usage, costUsd, requeuedPromptIds } as const;
  await log.append({
    events: [
      ...cancelled.flatMap((write) => write.events),
      ...(turnId === null ? [] : [{ turnId, body: { ...body, turnId } }]),
    ],
    side: (db) => [
      ...cancelled.flatMap((write) => write.side?.(db) ?? []),
      ...(turnId === null ? [] : [finishTurn(db, { id: turnId, outcome, error, usage, costUsd })]),
      ...(requeued ? [requeuePrompts(db, log.lease, [requeued.id], requeued.starts)] : []),
    ],
  });
}
