/**
 * The states of an agent session, and the moves between them.
 *
 *   closed ──> opening ──> open ──> closing ──> closed
 *      ^──────────┴──────────┘
 *
 * closed: no agent process; one that could not start says why. opening: it starts or resumes. open: it can take a
 * prompt, or is in the middle of a turn. closing: it is being ended in order. A lost process leads from opening or open
 * to closed. A failure is forgotten by closing what is closed.
 */
import type { AgentSession } from '../agents/agent-backend.ts';
import { BooError } from '../protocol/error.ts';

export type SessionPhase =
  | { is: 'closed'; failure?: BooError }
  | { is: 'opening'; abort: AbortController; done: Promise<void> }
  | { is: 'open'; handle: AgentSession }
  | { is: 'closing'; done: Promise<void> };

const legalMoves: Record<SessionPhase['is'], readonly SessionPhase['is'][]> = {
  closed: ['opening', 'closed'],
  opening: ['open', 'closed'],
  open: ['closing', 'closed'],
  closing: ['closed'],
};

/** The next phase, if it may follow. */
export function move(from: SessionPhase, next: SessionPhase): SessionPhase {
  if (legalMoves[from.is].includes(next.is)) return next;
  throw new BooError('internal', `A session cannot go from ${from.is} to ${next.is}.`);
}
