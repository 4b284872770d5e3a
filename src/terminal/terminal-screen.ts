/**
 * The server's own screen of a program: it knows the current contents, answers the program's terminal queries, and can
 * be redrawn on a blank terminal.
 */
import { createRequire } from 'node:module';
import type * as Xterm from '@xterm/headless';
import { useCellWidths } from '../protocol/cell-widths.ts';
import type { TerminalSize } from '../protocol/terminal.ts';
import { drawScreen } from './draw-screen.ts';
import { ScreenModes } from './screen-modes.ts';

const require = createRequire(import.meta.url);
let loaded: typeof Xterm | undefined;

/** Loads the emulator, unless it is: that takes as long as a tenth of the server's start, which does not need it. */
export function loadScreens(): typeof Xterm {
  return (loaded ??= require('@xterm/headless') as typeof Xterm);
}

export interface TerminalScreenOptions {
  size: TerminalSize;
  scrollbackLines: number;
  /** To the program. */
  answer(data: string): void;
}

export class TerminalScreen {
  readonly #terminal: Xterm.Terminal;
  readonly #modes: ScreenModes;
  #backlogBytes = 0;

  constructor(options: TerminalScreenOptions) {
    const answer = (data: string): void => options.answer(data);
    this.#terminal = new (loadScreens().Terminal)({
      cols: options.size.columns,
      rows: options.size.rows,
      scrollback: options.scrollbackLines,
      allowProposedApi: true,
      // The size in characters; nothing else about a window is known here.
      windowOptions: { getWinSizeChars: true },
      logLevel: 'off',
    });
    useCellWidths(this.#terminal);
    this.#modes = new ScreenModes(this.#terminal);
    this.#terminal.onData(answer);
    const { parser } = this.#terminal;
    const reply = (data: string) => () => {
      answer(data);
      return true;
    };
    parser.registerCsiHandler({ prefix: '=', final: 'c' }, reply('\x1bP!|00000000\x1b\\'));
    parser.registerCsiHandler({ prefix: '>', final: 'q' }, reply('\x1bP>|BooCode\x1b\\'));
    // "I know none of these", so nobody waits for it.
    parser.registerDcsHandler({ intermediates: '+', final: 'q' }, reply('\x1bP0+r\x1b\\'));
  }

  /** Bytes written that are not on the screen yet. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /** The program wants brackets around pasted text. */
  get bracketsPastes(): boolean {
    return this.#terminal.modes.bracketedPasteMode;
  }

  /** `shown` is called, in order, when the screen shows exactly what was written up to here. */
  write(data: Uint8Array, shown: () => void): void {
    this.#backlogBytes += data.length;
    this.#terminal.write(data, () => {
      this.#backlogBytes -= data.length;
      shown();
    });
  }

  resize({ columns, rows }: TerminalSize): void {
    this.#terminal.resize(columns, rows);
  }

  /** What draws this screen, with its scrollback, on a blank terminal of the same size. */
  redraw(): string {
    return drawScreen(this.#terminal, this.#modes.redraw());
  }

  close(): void {
    this.#terminal.dispose();
  }
}
