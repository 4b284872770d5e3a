/**
 * Types for the chat: waits until keys go into the input line, types a prompt, makes sure that the program takes it, and
 * presses Escape to stop a turn. Someone else may be using the same terminal.
 */
import { BooError, toBooError } from '../../protocol/error.ts';
import { type AgentEvent, type AgentPrompt, endWithoutResult } from '../agent-backend.ts';
import { notice } from '../claude/mapping/notice.ts';
import type { InputLine } from './input-line.ts';
import type { LateLines } from './late-lines.ts';
import type { OwnPrompt } from './own-prompt.ts';
import type { PtyTurns } from './pty-turns.ts';
import type { SessionLife } from '../claude/session-life.ts';
import type { SessionProgram } from './session-program.ts';
import type { TerminalTurn } from './terminal-turn.ts';
import type { TurnState } from './turn-state.ts';
import { enter, escape, typedPrompt } from './typed-prompt.ts';
import { within } from '../../lib/within.ts';
import { terminalWaits } from './silent-dialog.ts';

export interface TypistParts {
  life: SessionLife;
  program: SessionProgram;
  turn: TurnState;
  turns: PtyTurns;
  lines: LateLines;
  inputLine: InputLine;
  /** Background work keeps the program busy between turns. */
  tasks: { readonly count: number };
  /** Checks whether the program still responds, when a typed prompt had no effect. */
  watch: { check(): void };
  /** After a prompt was typed: when Enter is pressed once more, and when it is given up. */
  takenMs: { again: number; failed: number };
}

const escapeAgainMs = 2_000;
const clearRounds = 5;
const waitingNoticeMs = 2_000;
const lookAgainMs = 200;

export class Typist {
  readonly #parts: TypistParts;
  readonly #lookers = new Set<() => void>();
  #hasToldMarked = false;

  constructor(parts: TypistParts) {
    this.#parts = parts;
  }

  /** Call it with every change of the program or of its turns. */
  look(): void {
    for (const look of this.#lookers) look();
  }

  /** Resolves when keys would go into the input line. */
  ready(): Promise<void> {
    return this.#until(() => this.#parts.program.takesInput);
  }

  async *prompt(prompt: AgentPrompt): AsyncGenerator<AgentEvent> {
    const { life, turn, turns } = this.#parts;
    const { batches, isMarked } = typedPrompt(prompt.content);
    turn.wait();
    try {
      await this.#rested();
    } catch (error) {
      turn.giveUp();
      throw error;
    }
    if (life.isEnding || (turn.phase.is === 'waiting' && turn.phase.isInterrupted)) {
      turn.giveUp();
      return yield endWithoutResult('interrupted');
    }
    const own = turns.expect(prompt);
    if (isMarked) this.#tellMarked();
    this.#type(batches, own).catch((error: unknown) => void turns.end('failed', toBooError(error)));
    yield* own.turn.out.iterable;
  }

  /** Once is enough. */
  #tellMarked(): void {
    if (this.#hasToldMarked) return;
    this.#hasToldMarked = true;
    const message =
      'A prompt this long reaches the model marked as pasted text, because it goes through the terminal. ' +
      'The backend claude_sdk sends it unchanged.';
    this.#parts.turns.tell(notice('info', 'prompt_marked_as_pasted', message));
  }

  /** Presses Escape; if the prompt is still being typed, once the program has taken it. */
  stop(turn: TerminalTurn): void {
    this.look();
    if (this.#parts.turn.isTaken) this.#pressEscape(turn);
  }

  async #type(batches: readonly string[], own: OwnPrompt): Promise<void> {
    const { life, program, turn, inputLine, takenMs, watch } = this.#parts;
    if (life.phase.is === 'restarting') await life.phase.done;
    await this.#takesInput(own);
    if (!this.#isToType(own)) return;
    // Somebody may keep typing.
    for (let round = 0; inputLine.hasDraft && round < clearRounds; round += 1) {
      await inputLine.clear();
      await this.#takesInput(own);
      if (!this.#isToType(own)) return;
    }
    const before = program.status;
    turn.noteTyped(own);
    for (const [index, batch] of batches.entries()) {
      if (index > 0) await inputLine.drawn();
      if (this.#isOver(own)) return;
      inputLine.write(batch);
    }
    // A program that is busy with the work of its background agents shows no change; its transcript does.
    if (before?.state === 'idle') {
      const isNoticed = (): boolean => this.#isOver(own) || program.status?.since !== before.since;
      void this.#until(isNoticed).then(() => turn.noteTaken(own));
    }
    if (!(await within(takenMs.again, own.taken))) {
      if (this.#isOver(own)) return;
      // In a dialog, Enter would be an answer.
      if (program.takesInput) inputLine.write(enter);
      if (!(await within(takenMs.failed, own.taken)) && !this.#isOver(own)) {
        watch.check();
        throw new BooError('agent_failed', 'The terminal did not accept the prompt. Attach to it to see why.');
      }
    }
    if (own.turn.isInterrupted) this.#pressEscape(own.turn);
  }

  /** The input line takes keys now. Whether the prompt should still be typed. */
  #isToType(own: OwnPrompt): boolean {
    if (this.#isOver(own)) return false;
    const { turn, turns } = this.#parts;
    if (own.turn.isInterrupted && turn.phase.is === 'typing') {
      void turns.end('interrupted');
      return false;
    }
    // Otherwise someone at the terminal has submitted the same words meanwhile, and the program has the prompt.
    return turn.phase.is === 'typing';
  }

  /** The prompt's turn has ended, someone else's has started, or the session is ending. */
  #isOver(own: OwnPrompt): boolean {
    return this.#parts.turn.current !== own.turn || this.#parts.life.isEnding;
  }

  /** Escape stops a turn, or closes a dialog. It is pressed again as long as the turn has not ended. */
  #pressEscape(turn: TerminalTurn): void {
    if (this.#parts.turn.current !== turn) return;
    // A prompt that is stopped before anything was said goes back into the input line.
    this.#parts.inputLine.noteKeys();
    this.#parts.inputLine.write(escape);
    setTimeout(() => this.#pressEscape(turn), escapeAgainMs).unref();
  }

  /** A turn is running, or has started without any event yet. */
  get #isWorking(): boolean {
    const { turn, program, tasks } = this.#parts;
    return turn.current !== undefined || (program.status?.state === 'busy' && tasks.count === 0);
  }

  /**
   * Resolves when nothing runs. If someone has typed meanwhile, the program may have more in its own queue, which it
   * starts after a moment of idleness.
   */
  async #rested(): Promise<void> {
    const { life, inputLine, lines } = this.#parts;
    for (;;) {
      await this.#until(() => life.isEnding || !this.#isWorking);
      if (!inputLine.hasDraft || life.isEnding) return;
      await lines.told();
      if (!this.#isWorking) return;
    }
  }

  /** Resolves when keys would go into the input line. Reports an open screen, which only a person can close. */
  async #takesInput(own: OwnPrompt): Promise<void> {
    const { program, turns } = this.#parts;
    if (program.takesInput) return;
    const timer = setTimeout(() => {
      if (program.takesInput || this.#isOver(own)) return;
      const isStarting = program.status?.state === 'starting';
      turns.tell(terminalWaits('a screen', { screen: isStarting ? 'start' : 'other' }));
    }, waitingNoticeMs);
    await this.#until(() => program.takesInput || this.#isOver(own) || own.turn.isInterrupted);
    clearTimeout(timer);
  }

  /**
   * Resolves when `condition` holds. Checked with every change of the program or the turn, and now and then as well: nothing
   * says when a child of the program gives the terminal back.
   */
  #until(condition: () => boolean): Promise<void> {
    this.#parts.program.refresh();
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        clearInterval(timer);
        this.#lookers.delete(look);
        resolve();
      };
      const timer = setInterval(look, lookAgainMs);
      timer.unref();
      this.#lookers.add(look);
    });
  }
}
