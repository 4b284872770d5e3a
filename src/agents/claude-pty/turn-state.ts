/**
 * Whose turn it is in the terminal: the one state that the session, the reader of its transcript and the typist share. A
 * prompt of the chat goes this way:
 *
 *   none ──> waiting ──> typing ──> typed ──> taken ──> running ──> none
 *
 * none: the chat has asked for nothing. waiting: its prompt waits until nothing runs in the terminal. typing: it is expected
 * in the transcript, and typed once keys go into the input line. typed: its keys go to the program. taken: the program has
 * it, as far as its status tells, or nobody need wait for that any more. running: its own line has come.
 *
 * The line may come at any time from typing on, and each phase may lead back to none: the prompt was given up, has failed or
 * was taken into another turn. Before its own turn runs, one of somebody at the terminal, or of the program itself, may
 * (`theirs`). That one begins where there is none and ends by itself; it never changes along with the phase, and must have
 * ended before the prompt runs.
 */
import type { AgentPrompt } from '../agent-backend.ts';
import { BooError } from '../../protocol/error.ts';
import { OwnPrompt } from './own-prompt.ts';
import { createTerminalTurn, type TerminalTurn } from './terminal-turn.ts';

export type TurnPhase =
  | { is: 'none'; theirs: TerminalTurn | undefined }
  | { is: 'waiting'; isInterrupted: boolean; theirs: TerminalTurn | undefined }
  | { is: 'typing' | 'typed' | 'taken'; own: OwnPrompt; theirs: TerminalTurn | undefined }
  | { is: 'running'; own: OwnPrompt; theirs: undefined };

const legalMoves: Record<TurnPhase['is'], readonly TurnPhase['is'][]> = {
  none: ['waiting'],
  waiting: ['waiting', 'typing', 'none'],
  typing: ['typed', 'running', 'none'],
  typed: ['taken', 'running', 'none'],
  taken: ['running', 'none'],
  running: ['none'],
};

/** The next phase, if it may follow. Throws BooError `internal` where it may not. */
export function move(from: TurnPhase, next: TurnPhase): TurnPhase {
  const isSamePrompt = !('own' in from && 'own' in next) || from.own === next.own;
  const isLegal =
    from.theirs === next.theirs
      ? legalMoves[from.is].includes(next.is)
      : from.is === next.is && from.is !== 'running' && (from.theirs === undefined || next.theirs === undefined);
  if (isLegal && isSamePrompt) return next;
  throw new BooError('internal', `A turn in the terminal cannot go from ${nameOf(from)} to ${nameOf(next)}.`);
}

const nameOf = ({ is, theirs }: TurnPhase): string => (theirs ? `${is} beside another turn` : is);

export class TurnState {
  #phase: TurnPhase = { is: 'none', theirs: undefined };

  get phase(): TurnPhase {
    return this.#phase;
  }

  /** The turn that runs. */
  get running(): TerminalTurn | undefined {
    return this.#phase.is === 'running' ? this.#phase.own.turn : this.#phase.theirs;
  }

  /** The prompt of the chat whose own line has not come yet. */
  get expected(): OwnPrompt | undefined {
    return 'own' in this.#phase && this.#phase.is !== 'running' ? this.#phase.own : undefined;
  }

  /** The turn that runs, or the one whose prompt is being typed. */
  get current(): TerminalTurn | undefined {
    return this.running ?? this.expected?.turn;
  }

  /** The keys of the expected prompt go to the program, or went there. */
  get isTyped(): boolean {
    return this.#phase.is === 'typed' || this.#phase.is === 'taken';
  }

  /** A turn runs, or its prompt is at least known to be with the program. */
  get isTaken(): boolean {
    return this.running !== undefined || this.#phase.is === 'taken';
  }

  /** A turn is being interrupted, and has not ended yet. */
  get isInterrupting(): boolean {
    return this.running?.isInterrupted === true || this.expected?.turn.isInterrupted === true;
  }

  /** A prompt of the chat waits until nothing runs. Throws BooError `chat_busy` where there is one already. */
  wait(): void {
    if (this.#phase.is === 'waiting') {
      throw new BooError('chat_busy', 'This session has a prompt that waits for its turn.');
    }
    if (this.#phase.is !== 'none') throw new BooError('chat_busy', 'This session is in the middle of a turn.');
    this.#move({ is: 'waiting', isInterrupted: false, theirs: this.#phase.theirs });
  }

  /** A prompt that waits is not to be typed any more. */
  interruptWaiting(): void {
    if (this.#phase.is === 'waiting') this.#move({ ...this.#phase, isInterrupted: true });
  }

  /** The prompt that waits is not typed. */
  giveUp(): void {
    this.#move({ is: 'none', theirs: this.#phase.theirs });
  }

  /** The prompt that waited is about to be typed. */
  expect(prompt: AgentPrompt): OwnPrompt {
    const own = new OwnPrompt(prompt);
    this.#move({ is: 'typing', own, theirs: this.#phase.theirs });
    return own;
  }

  /** The prompt's keys go to the program from here on. */
  noteTyped(own: OwnPrompt): void {
    this.#move({ is: 'typed', own, theirs: this.#phase.theirs });
  }

  /** The prompt that was typed is with the program, or nobody need wait for that any more. */
  noteTaken(own: OwnPrompt): void {
    if (this.#phase.is === 'typed' && this.#phase.own === own) this.#move({ ...this.#phase, is: 'taken' });
    own.noteTaken();
  }

  /** The line of the expected prompt has come: its turn runs. */
  run(own: OwnPrompt): void {
    this.#move({ is: 'running', own, theirs: undefined });
    own.noteTaken();
  }

  /** Somebody else, or the program itself, begins a turn. `isForDecisions`: for nothing but a question of a sub-agent. */
  beginTheirs(isForDecisions: boolean): TerminalTurn {
    const theirs = createTerminalTurn(null, isForDecisions);
    this.#move({ ...this.#phase, theirs } as TurnPhase);
    return theirs;
  }

  /** The turn has ended, whether it ran or its prompt was still expected. */
  end(turn: TerminalTurn): void {
    if (this.#phase.theirs === turn) return this.#move({ ...this.#phase, theirs: undefined });
    if (!('own' in this.#phase) || this.#phase.own.turn !== turn) {
      throw new BooError('internal', 'A turn in the terminal cannot end twice.');
    }
    this.giveUp();
  }

  #move(next: TurnPhase): void {
    this.#phase = move(this.#phase, next);
  }
}
