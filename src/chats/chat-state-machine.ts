/**
 * The phases of a chat that this host holds, and the legal moves between them.
 *
 *   cold ──> opening ──> ready ──> closing ──> cold        the agent's session
 *     ^─────────┴──────────┘                               it failed to open, or its process was lost
 *
 *   cold, ready ──> starting, turn                         and back to the phase that their session has then
 *   cold, ready ──> stopped                                final
 *
 * - cold: no agent process. `failure` says why the last one did not start; it is forgotten by moving to cold again.
 * - opening: the agent starts, or resumes its session.
 * - ready: the session can take a prompt.
 * - closing: the session is being ended in order.
 * - starting: the session is made ready for a waiting prompt, which can already be interrupted.
 * - turn: a turn runs, which can be interrupted even before its first event is stored.
 * - stopped: the chat is done on this host.
 *
 * The session keeps moving inside `starting` and `turn`, by the same rules, but it never opens during a turn.
 */
import type { AgentSession, DirectoryContent } from '../agents/agent-backend.ts';
import type { ChatState, McpServer } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';
import type { Actor } from '../protocol/principal.ts';

export type SessionPhase =
  | { is: 'cold'; failure?: BooError | undefined }
  | { is: 'opening'; abort: AbortController; done: Promise<void>; mcpServers: readonly McpServer[] | null }
  | {
      is: 'ready';
      handle: AgentSession;
      /** What the directory had the agent load, if it is trusted. */
      directory: DirectoryContent | undefined;
      mcpServers: readonly McpServer[] | null;
    }
  | { is: 'closing'; done: Promise<void> };

/** Of a turn, or of its beginning. */
export interface Interruption {
  /** The first one who asked for it. */
  by: Actor;
}

interface StartingPhase {
  is: 'starting';
  interruption?: Interruption | undefined;
  session: SessionPhase;
}

export interface TurnPhase {
  is: 'turn';
  id: string;
  interruption?: Interruption | undefined;
  /** Set when the host ends the turn for a reason of its own: the turn then fails with it. */
  failure?: BooError | undefined;
  session: SessionPhase;
}

type WorkPhase = StartingPhase | TurnPhase;

export type ChatPhase = SessionPhase | WorkPhase | { is: 'stopped'; failure?: BooError | undefined };

const sessionMoves: Record<SessionPhase['is'], readonly SessionPhase['is'][]> = {
  cold: ['cold', 'opening'],
  opening: ['opening', 'ready', 'cold'],
  ready: ['ready', 'closing', 'cold'],
  closing: ['cold'],
};

const isWork = (phase: ChatPhase): phase is WorkPhase => phase.is === 'starting' || phase.is === 'turn';

function isLegal(from: ChatPhase, next: ChatPhase): boolean {
  if (from.is === 'stopped') return false;
  if (isWork(from)) {
    if (!isWork(next)) return next === from.session;
    if (next.is !== from.is || (next.is === 'turn' && next.session.is === 'opening')) return false;
    return next.session === from.session || isLegal(from.session, next.session);
  }
  const isAtRest = from.is === 'cold' || from.is === 'ready';
  if (isWork(next)) return isAtRest && next.session === from;
  if (next.is === 'stopped') return isAtRest;
  return sessionMoves[from.is].includes(next.is);
}

/** The next phase, if it may follow. Throws `internal` otherwise. */
export function move(from: ChatPhase, next: ChatPhase): ChatPhase {
  if (isLegal(from, next)) return next;
  throw new BooError('internal', `A chat cannot go from ${describe(from)} to ${describe(next)}.`);
}

const describe = (phase: ChatPhase): string => (isWork(phase) ? `${phase.is} (${phase.session.is})` : phase.is);

export class ChatStateMachine {
  readonly #onMoved: () => void;
  #phase: ChatPhase = { is: 'cold' };

  constructor(onMoved: () => void) {
    this.#onMoved = onMoved;
  }

  /** The session's part, whatever the chat does with it. */
  get session(): SessionPhase {
    if (isWork(this.#phase)) return this.#phase.session;
    return this.#phase.is === 'stopped' ? { ...this.#phase, is: 'cold' } : this.#phase;
  }

  /** The agent's session, while it is open. */
  get handle(): AgentSession | undefined {
    const { session } = this;
    return session.is === 'ready' ? session.handle : undefined;
  }

  /** The turn that runs. */
  get turn(): Readonly<TurnPhase> | undefined {
    return this.#phase.is === 'turn' ? this.#phase : undefined;
  }

  get isWarm(): boolean {
    return this.#phase.is === 'turn' || this.session.is === 'ready';
  }

  get mcpServers(): McpServer[] | null {
    const { session } = this;
    const servers = session.is === 'opening' || session.is === 'ready' ? session.mcpServers : null;
    return servers && [...servers];
  }

  /** The state that clients see. `isAsking`: the agent waits for a decision. */
  publicState(isAsking: boolean): ChatState {
    if (this.#phase.is === 'turn') return isAsking ? 'waiting' : 'running';
    const { session } = this;
    if (session.is === 'opening') return 'warming';
    if (isAsking) return 'waiting';
    if (session.is === 'ready') return 'ready';
    return session.is === 'cold' && session.failure ? 'failed' : 'cold';
  }

  /** Moves the session, whatever the chat does with it. */
  moveSession(session: SessionPhase): void {
    this.#move(isWork(this.#phase) ? { ...this.#phase, session } : session);
  }

  /** A waiting prompt needs its session. */
  start(): void {
    this.#move({ is: 'starting', session: this.session });
  }

  beginTurn(id: string, interruption?: Interruption): void {
    this.#move({ is: 'turn', id, interruption, session: this.session });
  }

  /** The start or the turn is over. Returns its interruption, if it was interrupted. */
  end(): Interruption | undefined {
    const interruption = isWork(this.#phase) ? this.#phase.interruption : undefined;
    this.#move(this.session);
    return interruption;
  }

  /** Marks the turn, or the prompt that is being started. False when there is neither. */
  interrupt(by: Actor): boolean {
    if (!isWork(this.#phase)) return false;
    this.#move({ ...this.#phase, interruption: this.#phase.interruption ?? { by } });
    return true;
  }

  /** The turn is to fail with this once it ends. */
  failTurn(failure: BooError): void {
    if (this.#phase.is === 'turn') this.#move({ ...this.#phase, failure });
  }

  /** Idempotent. */
  stop(): void {
    if (this.#phase.is === 'stopped') return;
    const { session } = this;
    this.#move({ is: 'stopped', failure: session.is === 'cold' ? session.failure : undefined });
  }

  #move(next: ChatPhase): void {
    this.#phase = move(this.#phase, next);
    this.#onMoved();
  }
}
