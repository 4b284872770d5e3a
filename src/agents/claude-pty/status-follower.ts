/**
 * Follows the program's status: it may switch to another session, and it shows when a turn is over. Most turns end with a
 * line of their own; one without is over once the program is idle and its last lines have come.
 */
import type { AgentSessionSpec, SessionCost } from '../agent-backend.ts';
import type { EarlyKeys } from './early-keys.ts';
import type { LateLines } from './late-lines.ts';
import type { ProgramStatus } from './program-status.ts';
import type { PtyTurns } from './pty-turns.ts';
import type { SessionProgram } from './session-program.ts';
import type { SessionTranscript } from './session-transcript.ts';
import type { SilentDialog } from './silent-dialog.ts';
import type { TerminalQuestions } from './terminal-questions.ts';
import { endsWithoutLine } from './terminal-turn.ts';
import type { TurnState } from './turn-state.ts';
import type { Typist } from './typist.ts';

/** A turn that should end with a line and still has none was taken back at the keyboard before anything was said. */
const missingLineMs = 2_500;

export interface StatusFollowerParts {
  spec: Pick<AgentSessionSpec, 'onCost'>;
  program: SessionProgram;
  transcript: SessionTranscript;
  turn: TurnState;
  turns: PtyTurns;
  typist: Typist;
  lines: LateLines;
  questions: TerminalQuestions;
  silentDialog: SilentDialog;
  earlyKeys: EarlyKeys;
  readonly onProblem: (error: unknown, message: string) => void;
}

export class StatusFollower {
  readonly #parts: StatusFollowerParts;
  #changes = 0;

  constructor(parts: StatusFollowerParts) {
    this.#parts = parts;
  }

  noteStatus(status: ProgramStatus, before: ProgramStatus): void {
    const { program, transcript, typist, lines, questions, silentDialog, earlyKeys } = this.#parts;
    this.#changes += 1;
    silentDialog.note(status);
    earlyKeys.noteStatus(status);
    typist.look();
    if (status.sessionId !== null && status.sessionId !== transcript.sessionId) this.#switchTo(status.sessionId);
    if (status.state === 'idle') this.#finishLater();
    if (before.state === 'waiting' && status.state === 'busy') {
      // Not what it asks next: that dialog may not show in its status yet.
      const { open } = questions;
      lines.after(() => {
        if (program.status?.state === 'busy') questions.onDialogClosed(open);
      });
    }
  }

  /** Someone else's turn has ended and the program is idle: the prompt that was typed meanwhile may never be taken. */
  noteEnd(): void {
    if (this.#parts.program.status?.state === 'idle') this.#finishLater();
  }

  /** The program is idle: its turn is over once its last lines have come. */
  #finishLater(): void {
    const { turn, turns, lines } = this.#parts;
    const { current } = turn;
    if (!current) return;
    const rest = this.#changes;
    // A short turn may have run since: the program becomes idle again after it, and its lines come later.
    const isOver = (): boolean => this.#changes !== rest || !turn.isTaken || turn.current !== current;
    lines.after(() => {
      if (isOver()) return;
      if (endsWithoutLine(current)) return void turns.rest(current);
      setTimeout(() => {
        if (!isOver()) void turns.rest(current);
      }, missingLineMs).unref();
    });
  }

  #switchTo(sessionId: string): void {
    const { spec, transcript, turns, onProblem } = this.#parts;
    (async () => {
      await transcript.switchTo(sessionId);
      await tellCost(spec, await turns.switchTo(sessionId));
    })().catch((error: unknown) => onProblem(error, 'The program’s new session could not be followed.'));
  }
}

export async function tellCost(spec: Pick<AgentSessionSpec, 'onCost'>, cost: SessionCost): Promise<void> {
  if (Object.keys(cost.models).length > 0) await spec.onCost(cost);
}
