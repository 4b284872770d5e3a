/**
 * Who types for the chat: waits until keys go into the input line, types a prompt, sees that the program takes it, and
 * presses Escape to stop a turn. Somebody else may sit at the same terminal.
 */
import { BooError, toBooError } from '../../protocol/error.ts';
import { type AgentEvent, type AgentPrompt, endWithoutResult } from '../agent-backend.ts';
import type { ClaudeTurn } from '../claude/claude-turn.ts';
import { notice } from '../claude/mapping/notice.ts';
import type { PtyProgram } from './pty-program.ts';
import type { OwnPrompt } from './own-prompt.ts';
import { lateLinesMs, type PtyTurns } from './pty-turns.ts';
import { clearInput, enter, escape, typedPrompt } from './typed-prompt.ts';
import { within } from '../../lib/within.ts';
import { terminalWaits } from './silent-dialog.ts';

export interface TypistParts {
  terminal: { write(keys: string): void };
  turns: PtyTurns;
  /** Undefined while there is none. */
  program: () => PtyProgram | undefined;
  isClosing: () => boolean;
  /** After a prompt was typed: when Enter is pressed once more, and when it is given up. */
  takenMs: { again: number; failed: number };
  /** Resolves when all that stands in the transcript was told. */
  settle: () => Promise<void>;
  /** A prompt that was typed has had no effect. */
  onNotTaken: () => void;
  /** The program is being started anew. */
  restarted: () => Promise<void> | undefined;
}

const escapeAgainMs = 2_000;
/** What is cleared is gone before the next key is read. */
const afterClearMs = 50;
/** Each clears half a dozen lines. */
const clearTimes = 3;
const clearRounds = 5;
const waitingNoticeMs = 2_000;
const lookAgainMs = 200;
/** What is typed is drawn within this time, where it is drawn at all. */
const readMs = 250;

export class Typist {
  readonly #parts: TypistParts;
  /** A prompt that waits for what runs in the terminal. */
  #next: { isInterrupted: boolean } | undefined;
  /** Keys of a person stand perhaps in the input line. */
  #hasDraft = false;
  #hasToldMarked = false;
  readonly #lookers = new Set<() => void>();
  #onDrawn = (): void => {};

  constructor(parts: TypistParts) {
    this.#parts = parts;
  }

  /** Somebody else has typed. */
  noteKeys(): void {
    this.#hasDraft = true;
  }

  /** The input line is a new one. */
  forgetKeys(): void {
    this.#hasDraft = false;
  }

  /** To be called with every change of the program or of its turns. */
  look(): void {
    for (const look of this.#lookers) look();
  }

  /** Resolves when keys would go into the input line. */
  ready(): Promise<void> {
    return this.#until(() => this.#isReady);
  }

  async *prompt(prompt: AgentPrompt): AsyncGenerator<AgentEvent> {
    const { turns } = this.#parts;
    const running = turns.current;
    if (running && running.id !== null) throw new BooError('chat_busy', 'This session is in the middle of a turn.');
    if (this.#next) throw new BooError('chat_busy', 'This session has a prompt that waits for its turn.');
    const { batches, isMarked } = typedPrompt(prompt.content);
    const next = { isInterrupted: false };
    this.#next = next;
    try {
      await this.#rested();
    } finally {
      this.#next = undefined;
    }
    if (next.isInterrupted || this.#parts.isClosing()) return yield endWithoutResult('interrupted');
    const expected = turns.expect(prompt);
    if (isMarked) this.#tellMarked();
    this.#type(batches, expected).catch((error: unknown) => void turns.end('failed', toBooError(error)));
    yield* expected.turn.out.iterable;
  }

  /** Once is enough. */
  #tellMarked(): void {
    if (this.#hasToldMarked) return;
    this.#hasToldMarked = true;
    const message =
      'A prompt this long reaches the model between marks that say it was pasted, for it goes through the terminal. ' +
      'The engine claude_sdk sends it as it is.';
    this.#parts.turns.tell(notice('info', 'prompt_marked_as_pasted', message));
  }

  /** A prompt that waits is not to be typed any more. */
  noteInterrupt(): void {
    if (this.#next) this.#next.isInterrupted = true;
  }

  /** The program has drawn something. */
  noteOutput(): void {
    this.#onDrawn();
  }

  /** Resolves when the program shows that it has read what was typed, or has had the time for it. */
  async #drawn(): Promise<void> {
    await within(readMs, new Promise<void>((resolve) => (this.#onDrawn = resolve)));
  }

  /** Presses Escape; while its prompt is still being typed, once that has been taken. */
  stop(turn: ClaudeTurn): void {
    this.look();
    if (this.#parts.turns.isTaken) this.#pressEscape(turn);
  }

  async #type(batches: readonly string[], prompt: OwnPrompt): Promise<void> {
    const { turn, taken } = prompt;
    const { terminal, turns, program, takenMs } = this.#parts;
    await this.#parts.restarted();
    const isOver = (): boolean => turns.current !== turn || this.#parts.isClosing();
    await this.#takesInput(turn, isOver);
    if (isOver()) return;
    if (turn.isInterrupted) return void turns.end('interrupted');
    // Somebody may go on typing.
    for (let round = 0; this.#hasDraft && round < clearRounds; round += 1) {
      this.#hasDraft = false;
      for (let time = 0; time < clearTimes; time += 1) {
        terminal.write(clearInput);
        // More keys at once would be taken for a paste: a busy program is waited for.
        await Promise.all([new Promise((resolve) => setTimeout(resolve, afterClearMs)), this.#drawn()]);
      }
      await this.#takesInput(turn, isOver);
      if (isOver()) return;
      if (turn.isInterrupted) return void turns.end('interrupted');
    }
    const before = program()?.status;
    prompt.markTyped();
    for (const [index, batch] of batches.entries()) {
      if (index > 0) await this.#drawn();
      if (isOver()) return;
      terminal.write(batch);
    }
    // A program that is busy with the work of its background agents shows no change; its transcript does.
    if (before?.state === 'idle') {
      void this.#until(() => isOver() || program()?.status.since !== before.since).then(() => prompt.markTaken());
    }
    if (!(await within(takenMs.again, taken))) {
      if (isOver()) return;
      // In a dialog it would be an answer.
      if (this.#isReady) terminal.write(enter);
      if (!(await within(takenMs.failed, taken)) && !isOver()) {
        this.#parts.onNotTaken();
        throw new BooError('agent_failed', 'The terminal did not take the prompt. Attach to it to see why.');
      }
    }
    if (turn.isInterrupted) this.#pressEscape(turn);
  }

  /** Escape stops a turn, and closes a dialog. It is pressed again where it has met something else. */
  #pressEscape(turn: ClaudeTurn): void {
    if (this.#parts.turns.current !== turn) return;
    // A prompt that is stopped before anything was said goes back into the input line.
    this.#hasDraft = true;
    this.#parts.terminal.write(escape);
    setTimeout(() => this.#pressEscape(turn), escapeAgainMs).unref();
  }

  /** Keys would go into the input line. */
  get #isReady(): boolean {
    const program = this.#parts.program();
    return program !== undefined && program.takesKeys && ['idle', 'busy'].includes(program.status.state);
  }

  /** A turn runs, or one has begun that nothing was told of yet. */
  get #isWorking(): boolean {
    const { turns, program } = this.#parts;
    return turns.current !== undefined || (program()?.status.state === 'busy' && !turns.hasBackgroundTasks);
  }

  /**
   * Resolves when nothing runs. Where somebody typed meanwhile, the program may have more in its own queue, which it
   * begins after an instant of rest.
   */
  async #rested(): Promise<void> {
    for (;;) {
      await this.#until(() => this.#parts.isClosing() || !this.#isWorking);
      if (!this.#hasDraft || this.#parts.isClosing()) return;
      await new Promise((resolve) => setTimeout(resolve, lateLinesMs));
      await this.#parts.settle();
      if (!this.#isWorking) return;
    }
  }

  /** Resolves when keys would go into the input line. A screen that is open is told, since only a person can close it. */
  async #takesInput(turn: ClaudeTurn, isOver: () => boolean): Promise<void> {
    if (this.#isReady) return;
    const timer = setTimeout(() => {
      if (this.#isReady || isOver()) return;
      const isStarting = this.#parts.program()?.status.state === 'starting';
      this.#parts.turns.tell(terminalWaits('a screen', { screen: isStarting ? 'start' : 'other' }));
    }, waitingNoticeMs);
    await this.#until(() => this.#isReady || isOver() || turn.isInterrupted);
    clearTimeout(timer);
  }

  /**
   * Resolves when `condition` holds, looked at with every change of the program or the turn; and now and then, for nothing
   * tells that a child of the program has left the terminal alone again.
   */
  #until(condition: () => boolean): Promise<void> {
    this.#parts.program()?.refresh();
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
