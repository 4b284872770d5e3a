import { endWithoutResult, type TurnTraces } from '../agents/agent-backend.ts';
import type { Decision } from '../protocol/decision.ts';
import { BooError } from '../protocol/error.ts';
import { continuesWhenAnswered } from '../protocol/suspended-text.ts';
import { isStorageTrouble, troubleText } from '../protocol/storage-trouble.ts';
import type { Sql } from '../store/database.ts';
import { findOpenDecisions } from '../store/decisions.ts';
import { otherHostLives } from '../store/hosts.ts';
import { findPromptOfTurn, type PromptRow, requeuePrompts } from '../store/prompts.ts';
import { findRunningTurn, finishTurn, isTurnSilent } from '../store/turns.ts';
import { deleteUnfinished, findUnfinished } from '../store/unfinished-messages.ts';
import type { ChatLog } from './chat-log.ts';
import type { AfterInterruption } from './after-interruption.ts';
import { lookAtLeftTurn } from './left-turn.ts';
import { settlement } from './turn.ts';

export interface RecoveryParts {
  sql: Sql;
  log: ChatLog;
  hostId: string;
  /** If this host itself has dropped the chat, why, and the epoch in which it held it. */
  dropped?: { epoch: number; cause: BooError } | undefined;
  /** For one turn. */
  readonly createTraces: () => Promise<TurnTraces>;
  /** Whether the prompt of a turn that shows no sign of the agent reached it all the same. */
  readonly wasAsked: (turnId: string, prompt: PromptRow) => Promise<boolean>;
  /** Whether another process of the agent can continue the decision's call. */
  readonly canContinue: (decision: Decision) => Promise<boolean>;
  /** What follows after a turn that its host did not survive and that waits for nobody. */
  readonly afterInterruption: (turnId: string) => Promise<AfterInterruption>;
  /** Called with the decisions before they are cancelled. */
  readonly onLeft?: (decisions: readonly Decision[]) => void;
}

/**
 * Finishes what the chat's last holder left open. Every started turn finishes exactly once: one that its host did not
 * survive is finished here, as interrupted, before anything else is written. A prompt that never reached the agent waits
 * again.
 */
export async function recoverChat(parts: RecoveryParts): Promise<void> {
  const { sql, log, createTraces, wasAsked, canContinue, onLeft } = parts;
  const { chatId } = log.lease;
  const [running, left] = await Promise.all([findRunningTurn(sql, chatId), findOpenDecisions(sql, chatId)]);
  const turnId = running?.id ?? null;
  const all = left.map(({ decision }) => decision);
  const decisions = all.filter(({ status }) => status === 'pending');
  // The agent never got these answers: its next process will.
  const answered = all.filter(({ status }) => status === 'resolved');
  if (turnId === null && decisions.length === 0) return;

  const cutOff = turnId === null ? [] : await findUnfinished(sql, chatId, turnId);
  const prompt =
    turnId !== null && cutOff.length === 0 && (await isTurnSilent(sql, chatId, turnId))
      ? await findPromptOfTurn(sql, chatId, turnId)
      : null;
  const requeued = turnId !== null && prompt && !(await wasAsked(turnId, prompt)) ? prompt : null;
  onLeft?.(decisions);
  const open: Decision[] = [];
  for (const decision of decisions) {
    if (await canContinue(decision)) open.push(decision);
  }
  if (turnId === null && open.length === decisions.length) return;
  const cancelled = decisions
    .filter((decision) => !open.includes(decision))
    .map(({ id, kind, turnId: of }) =>
      settlement(of ?? undefined, id, { outcome: 'cancelled', by: 'host', message: whyCancelled(kind) }),
    );
  const used = turnId === null ? null : await lookAtLeftTurn(sql, log, turnId, await createTraces());
  const { continuation, next } = await whatNext(parts, turnId, {
    requeued: requeued !== null,
    isAsking: open.length > 0,
    isAnswered: answered.length > 0,
  });
  const {
    outcome,
    error,
    usage: none,
    costUsd,
  } = endWithoutResult('interrupted', requeued ? notReached() : await whyLeft(parts, running?.epoch, next));
  const usage = used?.usage ?? none;
  const requeuedPromptIds = requeued ? [requeued.id] : undefined;
  const unheard = [...answered, ...open].map(({ id }) => id);
  const openDecisionIds = unheard.length > 0 ? unheard : undefined;
  const body = { type: 'turn_finished', outcome, error, usage, costUsd, requeuedPromptIds, openDecisionIds } as const;
  await log.append({
    events: [
      ...cutOff.map((body) => ({ turnId: turnId ?? undefined, body })),
      ...cancelled.flatMap((write) => write.events),
      ...(used?.write.events ?? []),
      ...(turnId === null ? [] : [{ turnId, body: { ...body, turnId } }]),
    ],
    side: (db) => [
      ...cancelled.flatMap((write) => write.side?.(db) ?? []),
      ...(used?.write.side?.(db) ?? []),
      ...(turnId === null
        ? []
        : [finishTurn(db, { id: turnId, outcome, error, usage, costUsd }), deleteUnfinished(db, log.lease)]),
      ...(requeued ? [requeuePrompts(db, log.lease, [requeued.id], requeued.starts)] : []),
    ],
    ...(turnId === null ? {} : { chat: { continuation } }),
  });
}

/** What the end of the turn says about its continuation, and what has to be stored for that. An answer continues it anyway. */
async function whatNext(
  { afterInterruption }: RecoveryParts,
  turnId: string | null,
  { requeued, isAsking, isAnswered }: { requeued: boolean; isAsking: boolean; isAnswered: boolean },
): Promise<AfterInterruption> {
  if (isAsking) return { continuation: null, next: continuesWhenAnswered };
  if (isAnswered) return { continuation: null, next: 'The turn continues with the answer.' };
  return turnId === null || requeued ? { continuation: null, next: '' } : afterInterruption(turnId);
}

async function whyLeft(
  { sql, log, hostId, dropped }: RecoveryParts,
  epoch: number | undefined,
  next: string,
): Promise<BooError> {
  // A turn of another epoch was left by another host, or by another process of this one.
  if (dropped && dropped.epoch === epoch) {
    const { cause } = dropped;
    const { trouble } = cause.details;
    const why = isStorageTrouble(trouble) ? troubleText(trouble) : cause.message;
    return new BooError(cause.code, `This turn could not be stored to its end: ${why} ${next}`, { cause });
  }
  // It may be alive somewhere, without its database.
  const isVanished = await otherHostLives(sql, hostId, log.lease.chatId);
  const what = isVanished ? 'The host ended or lost the database' : 'The host ended';
  return new BooError('host_restarted', `${what} while this turn was running. ${next}`);
}

const whyCancelled = (kind: Decision['kind']): string =>
  kind === 'form'
    ? 'The MCP server that asked ended with the agent’s process.'
    : 'The agent’s process ended, and another one cannot continue this call.';

const notReached = (): BooError =>
  new BooError('host_restarted', 'The host ended before the agent took the prompt, which waits again.');
