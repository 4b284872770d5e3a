/**
 * The states of a chat, and the moves between them.
 *
 *   cold ──> warming ──> ready <──> running
 *    ^          │          │           │
 *    └──────────┴── closing┴───────────┘
 *
 * cold: no agent process. warming: it starts or resumes. ready: it can take a prompt. running: a turn is under way.
 * closing: the process is being ended in order. A lost process leads from ready or running to cold.
 */
import { BooError } from '../protocol/error.ts';

export type Phase =
  | { is: 'cold'; failure?: BooError }
  | { is: 'warming'; interrupted: boolean }
  | { is: 'ready' }
  | { is: 'running'; turnId: string; interrupted: boolean }
  | { is: 'closing'; done: Promise<void> };

const legalMoves: Record<Phase['is'], readonly Phase['is'][]> = {
  cold: ['warming', 'running'],
  warming: ['ready', 'cold'],
  ready: ['running', 'closing', 'cold'],
  running: ['ready', 'cold'],
  closing: ['cold'],
};

/** The next phase, if it may follow. */
export function move(from: Phase, next: Phase): Phase {
  if (legalMoves[from.is].includes(next.is)) return next;
  throw new BooError('internal', `A chat cannot go from ${from.is} to ${next.is}.`);
}
