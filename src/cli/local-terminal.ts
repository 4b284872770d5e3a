/**
 * The terminal this program runs in, lent to another program for a while: raw mode, its screen, its size. However that
 * ends, the terminal is restored.
 */
import type { TerminalSize } from '../client/client.ts';
import type { Shown } from './shown.ts';
import { startTerminalGuard, type TerminalGuard } from './terminal-guard.ts';
import { TerminalModes } from './terminal-modes.ts';

/** Pastes arrive between brackets here whatever the program asks for, so they can be distinguished from keys. */
const bracketPastes = '\x1b[?2004h';
/** The sequence that ends that. */
// oxlint-disable-next-line no-control-regex -- the sequences themselves
const endsBrackets = /\x1b(?:c|\[\?[\d;]*2004[\d;]*l)/;

export class LocalTerminal implements Shown {
  readonly #guard: TerminalGuard | undefined;
  #modes = new TerminalModes();
  #isLent = true;
  #hasDrawn = false;

  constructor(onInput: (data: Buffer) => void) {
    this.#guard = startTerminalGuard();
    this.#guard?.expect(this.#undo());
    process.stdin.setRawMode(true);
    this.#guard?.noteRawMode();
    process.stdin.on('data', onInput);
    // The title is restored from there.
    process.stdout.write(`\x1b[22;0t${bracketPastes}`);
  }

  get size(): TerminalSize {
    // A terminal that does not know its size reports nothing.
    return { columns: within(process.stdout.columns, 80), rows: within(process.stdout.rows, 24) };
  }

  onResize(handler: (size: TerminalSize) => void): void {
    process.stdout.on('resize', () => handler(this.size));
  }

  /** A whole screen of the given size, on a blank terminal. Earlier content stays above it. */
  async drawScreen(data: string, { rows }: TerminalSize): Promise<void> {
    const blank = this.#hasDrawn ? this.#modes.undo() : '\r\n'.repeat(this.size.rows);
    this.#hasDrawn = true;
    this.#modes = new TerminalModes();
    this.#note(data);
    // In a larger terminal the program's screen is the upper part, and scrolls there.
    const margins = rows < this.size.rows ? `\x1b[1;${rows}r` : '';
    await this.#write(`${blank}\x1b[H\x1b[2J${margins}\x1b[H${data}${bracketPastes}`);
  }

  async draw(data: Uint8Array): Promise<void> {
    const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1');
    this.#note(text);
    await this.#write(endsBrackets.test(text) ? Buffer.concat([data, Buffer.from(bracketPastes)]) : data);
  }

  /** In a terminal larger than the agent's, the lower part stays unchanged; the program redraws. */
  resize(): void {}

  close(): void {}

  /** Our own drawing, on the alternate screen. */
  async paint(text: string): Promise<void> {
    if (!this.#isLent) return;
    const start = this.#hasDrawn ? '' : '\x1b[?1049h';
    this.#hasDrawn = true;
    this.#note(start + text);
    await this.#write(start + text);
  }

  /** A line of our own, while nothing is drawn. */
  say(text: string): Promise<void> {
    return this.#write(`\r\n${text}\r\n`);
  }

  /** The guard learns what to undo before it is done. */
  #note(output: string): void {
    if (this.#modes.note(output)) this.#guard?.expect(this.#undo());
  }

  #write(data: string | Uint8Array): Promise<void> {
    return new Promise((done) => process.stdout.write(data, () => done()));
  }

  /** Restores everything, below what was drawn. */
  #undo(): string {
    return `${this.#modes.undo()}\x1b[?2004l\x1b[23;0t\x1b[${this.size.rows};1H\r\n`;
  }

  /** Idempotent and synchronous: it must work in a signal handler. */
  giveBack(): void {
    if (!this.#isLent) return;
    this.#isLent = false;
    process.stdin.pause();
    process.stdin.removeAllListeners('data');
    process.stdout.removeAllListeners('resize');
    process.stdout.write(this.#undo());
    process.stdin.setRawMode(false);
    this.#guard?.release();
  }
}

function within(value: number | undefined, usual: number): number {
  return value === undefined || value < 1 ? usual : Math.min(value, 1000);
}
