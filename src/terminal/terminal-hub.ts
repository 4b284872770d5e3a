/**
 * One terminal for a session's successive programs, and for everyone who watches them.
 *
 * A program's output goes to the server's own screen first, and to the viewers at the moment the screen shows it: so a
 * screen redrawn for one of them is exactly what the others have seen. The program waits only for the server's screen,
 * never for a viewer.
 */
import { BooError } from '../protocol/error.ts';
import type { TerminalSize } from '../protocol/terminal.ts';
import type { AgentTerminal, TerminalViewer } from './agent-terminal.ts';
import { HubViewer, type ViewerOwner } from './hub-viewer.ts';
import type { PseudoTerminal } from './pseudo-terminal.ts';
import { OutputFilter } from './output-filter.ts';
import type { Passthrough } from './passable.ts';
import { pasteKeys } from './pasted-text.ts';
import { TerminalScreen } from './terminal-screen.ts';

export interface TerminalHubOptions {
  /** Until a viewer sets another one. */
  size?: TerminalSize | undefined;
  /** How much scrollback a late viewer sees. */
  scrollbackLines?: number | undefined;
  /** How much may be in transit to a viewer that has not acknowledged it. */
  windowBytes?: number | undefined;
  /**
   * False while viewers' keys would answer something they cannot have seen: they are dropped. Pastes answer nothing.
   */
  takesKeys?: (() => boolean) | undefined;
  /** Whether Ctrl-Z goes to the program. Without a shell behind it, nobody could resume it. */
  takesSuspendKey?: (() => boolean) | undefined;
  /** What a viewer typed, as sent to the program. */
  onInput?: ((data: Uint8Array) => void) | undefined;
  /** What the program may do to viewers' terminals beyond drawing; nothing by default. */
  passthrough?: readonly Passthrough[] | undefined;
}

/** Beyond it the program waits until the server's screen has caught up. */
const backlogLimitBytes = 1024 * 1024;
/** Input the program has not accepted yet. */
export const waitingInputLimitBytes = 16 * 1024 * 1024;
/** Ctrl-Z. No UTF-8 character contains this byte. */
const suspendKey = 0x1a;
/** A program that queries but never reads gets no more answers. */
const waitingAnswersLimitBytes = 64 * 1024;

export class TerminalHub implements AgentTerminal {
  readonly #options: TerminalHubOptions;
  readonly #viewers = new Set<HubViewer>();
  readonly #owner: ViewerOwner;
  readonly #passthrough: ReadonlySet<Passthrough>;
  #size: TerminalSize;
  #screen: TerminalScreen;
  #pty: PseudoTerminal | undefined;
  #ended: string | undefined;
  /** The viewers were notified. */
  #isOver = false;

  constructor(options: TerminalHubOptions = {}) {
    this.#options = options;
    this.#passthrough = new Set(options.passthrough);
    this.#size = options.size ?? { columns: 120, rows: 40 };
    this.#screen = this.#blankScreen();
    this.#owner = {
      windowBytes: options.windowBytes ?? 256 * 1024,
      screen: () => ({ type: 'screen', size: this.#size, data: this.#redraw() }),
      input: (data) => {
        if (this.#options.takesKeys?.() !== false) this.#typed(this.#keysIn(data));
      },
      paste: (text) => this.#typed(Buffer.from(pasteKeys(text, this.#screen.bracketsPastes))),
      resized: () => this.#fit(),
      closed: (viewer) => {
        if (this.#viewers.delete(viewer)) this.#fit();
      },
    };
  }

  get size(): TerminalSize {
    return this.#size;
  }

  get viewerCount(): number {
    return this.#viewers.size;
  }

  /** The program that owns this terminal from now on. Viewers stay; the screen starts blank. */
  connect(pty: PseudoTerminal): void {
    if (this.#ended !== undefined) throw new Error('The terminal has ended.');
    // Its last output is lost, but it must not wait for a reader.
    this.#pty?.resume();
    this.#screen.close();
    const screen = (this.#screen = this.#blankScreen());
    this.#pty = pty;
    pty.resize(this.#size);
    for (const viewer of this.#viewers) viewer.redraw();

    const filter = new OutputFilter(this.#passthrough);
    let isPaused = false;
    pty.onData((data) => {
      // A program that was replaced is ignored.
      if (this.#screen !== screen) return;
      const output = filter.push(data);
      screen.write(output.screen, () => {
        if (this.#screen !== screen) return;
        for (const viewer of this.#viewers) viewer.show(output.viewers);
        if (isPaused && screen.backlogBytes < backlogLimitBytes / 4) {
          isPaused = false;
          pty.resume();
        }
      });
      if (isPaused || screen.backlogBytes < backlogLimitBytes) return;
      isPaused = true;
      pty.pause();
    });
    void pty.exited.then(() => {
      if (this.#pty === pty) this.#pty = undefined;
    });
  }

  #blankScreen(): TerminalScreen {
    const screen: TerminalScreen = new TerminalScreen({
      size: this.#size,
      scrollbackLines: this.#options.scrollbackLines ?? 1000,
      answer: (data) => {
        if (this.#screen === screen && this.#pty && this.#pty.waitingBytes < waitingAnswersLimitBytes) {
          this.#pty.write(data);
        }
      },
    });
    return screen;
  }

  /** Through the same filter as all output: the screen may have kept something viewers must not get. */
  #redraw(): string {
    const drawn = Buffer.from(this.#screen.redraw());
    return Buffer.from(new OutputFilter(this.#passthrough).push(drawn).viewers).toString();
  }

  /** Input from the host itself; dropped while there is no program. */
  write(data: string | Uint8Array): void {
    this.#pty?.write(data);
  }

  #keysIn(data: Uint8Array): Uint8Array {
    if (!data.includes(suspendKey) || this.#options.takesSuspendKey?.() !== false) return data;
    return data.filter((byte) => byte !== suspendKey);
  }

  #typed(data: Uint8Array): void {
    if (!this.#pty || data.length === 0) return;
    if (this.#pty.waitingBytes + data.length > waitingInputLimitBytes) {
      throw new BooError('payload_too_large', 'The program does not accept input: this was not typed.', {
        details: { limitBytes: waitingInputLimitBytes },
      });
    }
    this.#options.onInput?.(data);
    this.#pty.write(data);
  }

  attach(options: { size?: TerminalSize | undefined; canWrite: boolean }): TerminalViewer {
    const viewer = new HubViewer(this.#owner, options);
    if (!this.#isOver) {
      this.#viewers.add(viewer);
      this.#fit();
    }
    viewer.redraw();
    if (this.#isOver) viewer.end(this.#ended ?? '');
    return viewer;
  }

  /** The smallest width and height of the writing viewers; kept when the last of them leaves. */
  #fit(): void {
    const sizes = [...this.#viewers].flatMap(({ canWrite, size }) => (canWrite && size ? [size] : []));
    if (sizes.length === 0) return;
    const columns = Math.min(...sizes.map((size) => size.columns));
    const rows = Math.min(...sizes.map((size) => size.rows));
    if (columns === this.#size.columns && rows === this.#size.rows) return;
    this.#size = { columns, rows };
    this.#screen.resize(this.#size);
    this.#pty?.resize(this.#size);
    for (const viewer of this.#viewers) viewer.showSize(this.#size);
  }

  /** The last frame for every viewer, after everything the program has written. Idempotent. */
  end(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#pty = undefined;
    this.#screen.write(new Uint8Array(0), () => {
      this.#isOver = true;
      for (const viewer of this.#viewers) viewer.end(reason);
      this.#viewers.clear();
    });
  }
}
