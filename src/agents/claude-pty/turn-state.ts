/**
 * Whose turn it is in the terminal: one state, shared by the session, the transcript reader and the typist. A prompt of the
 * chat moves like this:
 *
 *   none ──> waiting ──> typing ──> typed ──> taken ──> running ──> none
 *
 * none: the chat has requested nothing. waiting: its prompt waits until the terminal is idle. typing: its turn has
 * started in the chat, and it is typed once the input line takes keys. typed: its keys are going to the program. taken:
 * the program has it, judging by its status, or there is no point in waiting for that any longer. running: the transcript
 * has the prompt's own line.
 *
 * That line may come at any time from typing on. Every phase may lead back to none: the prompt was dropped, failed, or was
 * taken into another turn. Until the prompt runs, another turn may run meanwhile (`theirs`), started by a person at the
 * terminal or by the program itself. It starts if there is none, and ends on its own: it never changes together with
 * the phase, and has to end before the prompt can run.
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

/** Returns the next phase if the move is legal; throws BooError `internal` otherwise. */
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

  /** The turn that is running. */
  get running(): TerminalTurn | undefined {
    return this.#phase.is === 'running' ? this.#phase.own.turn : this.#phase.theirs;
  }

  /** The chat's prompt, as long as the transcript does not have its line. */
  get expected(): OwnPrompt | undefined {
    return 'own' in this.#phase && this.#phase.is !== 'running' ? this.#phase.own : undefined;
  }

  /** The turn that is running, or else the one whose prompt is being typed. */
  get current(): TerminalTurn | undefined {
    return this.running ?? this.expected?.turn;
  }

  /** The keys of the expected prompt are going to the program, or have gone. */
  get isTyped(): boolean {
    return this.#phase.is === 'typed' || this.#phase.is === 'taken';
  }

  /** A turn is running, or at least the program is known to have its prompt. */
  get isTaken(): boolean {
    return this.running !== undefined || this.#phase.is === 'taken';
  }

  /** A turn is being interrupted and has not ended yet. */
  get isInterrupting(): boolean {
    return this.running?.isInterrupted === true || this.expected?.turn.isInterrupted === true;
  }

  /** A prompt of the chat waits until nothing runs. Throws BooError `chat_busy` if there is one already. */
  wait(): void {
    if (this.#phase.is === 'waiting') {
      throw new BooError('chat_busy', 'This session already has a waiting prompt.');
    }
    if (this.#phase.is !== 'none') throw new BooError('chat_busy', 'This session is in the middle of a turn.');
    this.#move({ is: 'waiting', isInterrupted: false, theirs: this.#phase.theirs });
  }

  /** The waiting prompt, if there is one, must no longer be typed. */
  interruptWaiting(): void {
    if (this.#phase.is === 'waiting') this.#move({ ...this.#phase, isInterrupted: true });
  }

  /** The chat no longer has a prompt. */
  giveUp(): void {
    this.#move({ is: 'none', theirs: this.#phase.theirs });
  }

  /** The waiting prompt is about to be typed. */
  expect(prompt: AgentPrompt): OwnPrompt {
    const own = new OwnPrompt(prompt);
    this.#move({ is: 'typing', own, theirs: this.#phase.theirs });
    return own;
  }

  /** From here on, the prompt's keys go to the program. */
  noteTyped(own: OwnPrompt): void {
    this.#move({ is: 'typed', own, theirs: this.#phase.theirs });
  }

  /** The program has the typed prompt, or there is no point in waiting for that any longer. */
  noteTaken(own: OwnPrompt): void {
    if (this.#phase.is === 'typed' && this.#phase.own === own) this.#move({ ...this.#phase, is: 'taken' });
    own.noteTaken();
  }

  /** The transcript has the line of the expected prompt: its turn runs. */
  run(own: OwnPrompt): void {
    this.#move({ is: 'running', own, theirs: undefined });
    own.noteTaken();
  }

  /** Someone else, or the program itself, starts a turn. `isForDecisions`: only because a sub-agent asks something. */
  beginTheirs(isForDecisions: boolean): TerminalTurn {
    const theirs = createTerminalTurn(null, isForDecisions);
    this.#move({ ...this.#phase, theirs } as TurnPhase);
    return theirs;
  }

  /** The turn has ended, whether it was running or its prompt was still expected. */
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
