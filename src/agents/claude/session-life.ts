/**
 * The life of an agent’s session, and the moves within it.
 *
 *   new ──> opening ──> open <──> restarting
 *    │       │   │        │           │
 *    │       │   └────────┼───────────┼───> over
 *    └───────┴────────────┴───────────┴──> closing ──> over
 *
 * new: nothing was started. opening: its files are reconciled and its program starts; if that fails, it is over. open: a
 * program runs, or has just ended. restarting: one program is being replaced by the next (terminal only). closing: it was
 * closed or its program ended, and everything it holds is being released. over: nothing of it is left.
 */
import { BooError } from '../../protocol/error.ts';

export type LifePhase =
  | { is: 'new' }
  | { is: 'opening'; done: Promise<void> }
  | { is: 'open' }
  | { is: 'restarting'; done: Promise<void> }
  | { is: 'closing'; done: Promise<void> }
  | { is: 'over' };

const legalMoves: Record<LifePhase['is'], readonly LifePhase['is'][]> = {
  new: ['opening', 'closing'],
  opening: ['open', 'closing', 'over'],
  open: ['restarting', 'closing'],
  restarting: ['open', 'closing'],
  closing: ['over'],
  over: [],
};

export class SessionLife {
  #phase: LifePhase = { is: 'new' };

  get phase(): LifePhase {
    return this.#phase;
  }

  /** Open, or about to be open again. */
  get isUp(): boolean {
    return this.#phase.is === 'open' || this.#phase.is === 'restarting';
  }

  /** Closing, or over. */
  get isEnding(): boolean {
    return this.#phase.is === 'closing' || this.#phase.is === 'over';
  }

  /** Throws BooError `internal` for a move that the diagram above does not show. */
  move(next: LifePhase): void {
    if (!legalMoves[this.#phase.is].includes(next.is)) {
      throw new BooError('internal', `A session cannot go from ${this.#phase.is} to ${next.is}.`);
    }
    this.#phase = next;
  }

  /** `open` itself moves to open, or to over when it fails. */
  open(open: () => Promise<void>): Promise<void> {
    const done = open();
    this.move({ is: 'opening', done });
    return done;
  }

  /** Closes once, however often it is called. `close` gets the phase from before, and moves to over. */
  async close(close: (before: LifePhase) => Promise<void>): Promise<void> {
    const before = this.#phase;
    if (!this.isEnding) {
      // A moment later, so that everyone already sees it as closing.
      const done = Promise.resolve().then(() => close(before));
      this.move({ is: 'closing', done });
    }
    if (this.#phase.is === 'closing') await this.#phase.done;
  }

  /** Call it before a prompt is accepted. */
  assertAlive(): void {
    if (this.isEnding) throw new BooError('agent_failed', 'The agent process has ended. Send the prompt again.');
  }

  /** Call it after every wait while the session opens or restarts. */
  assertWanted(): void {
    if (this.isEnding) throw new BooError('agent_failed', 'The session was closed while it was opening.');
  }
}
