/**
 * The screen of a viewer who only watches and does not affect the size: a terminal of our own draws it, and the part
 * that fits is shown, with the cursor visible.
 */
import type { Terminal } from '@xterm/headless';
import { useCellWidths } from '../protocol/cell-widths.ts';
import { drawRow, linksOf } from '../terminal/draw-lines.ts';
import type { TerminalSize } from '../client/client.ts';
import type { LocalTerminal } from './local-terminal.ts';
import type { Shown } from './shown.ts';

/** At most this often. */
const paintMs = 33;

export class LookingOn implements Shown {
  readonly #local: LocalTerminal;
  readonly #terminal: Terminal;
  #timer: NodeJS.Timeout | undefined;
  #paintedAt = -Infinity;

  private constructor(local: LocalTerminal, terminal: Terminal) {
    this.#local = local;
    this.#terminal = terminal;
    local.onResize(() => void this.#paint());
  }

  static async open(local: LocalTerminal): Promise<LookingOn> {
    const { default: xterm } = await import('@xterm/headless');
    const terminal = new xterm.Terminal({ allowProposedApi: true, scrollback: 0, logLevel: 'off' });
    useCellWidths(terminal);
    return new LookingOn(local, terminal);
  }

  async drawScreen(data: string, size: TerminalSize): Promise<void> {
    this.#terminal.reset();
    this.#terminal.resize(size.columns, size.rows);
    await this.draw(data);
  }

  async draw(data: string | Uint8Array): Promise<void> {
    await new Promise<void>((done) => this.#terminal.write(data, done));
    const waitMs = this.#paintedAt + paintMs - performance.now();
    if (waitMs <= 0) await this.#paint();
    else this.#timer ??= setTimeout(() => void this.#paint(), waitMs);
  }

  resize(size: TerminalSize): void {
    this.#terminal.resize(size.columns, size.rows);
  }

  #paint(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#paintedAt = performance.now();
    const { columns, rows } = this.#local.size;
    const { active } = this.#terminal.buffer;
    const scratch = active.getNullCell();
    const linkOf = linksOf(this.#terminal);
    const hidden = Math.max(0, Math.min(active.cursorY + 1, this.#terminal.rows) - rows);
    let text = '\x1b[?25l';
    for (let row = 0; row < rows; row += 1) {
      const line = row + hidden < this.#terminal.rows ? active.getLine(active.baseY + hidden + row) : undefined;
      const width = Math.min(columns, this.#terminal.cols);
      text += `\x1b[${row + 1};1H\x1b[2K${line ? drawRow(line, width, scratch, linkOf) : ''}`;
    }
    const core = (this.#terminal as unknown as { _core: { coreService: { isCursorHidden: boolean } } })._core;
    if (!core.coreService.isCursorHidden && active.cursorX < columns) {
      text += `\x1b[${active.cursorY - hidden + 1};${active.cursorX + 1}H\x1b[?25h`;
    }
    return this.#local.paint(text);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#terminal.dispose();
  }
}
