import type { TerminalSize } from '../../../protocol/terminal.ts';
import type { AgentTerminal, TerminalViewer } from '../../agent-backend.ts';
import type { PseudoTerminal } from './pseudo-terminal.ts';

export interface TerminalHubOptions {
  size?: TerminalSize | undefined;
  scrollbackLines?: number | undefined;
  windowBytes?: number | undefined;
  /** What a viewer typed, as it goes to the program. */
  onInput?: ((data: Uint8Array) => void) | undefined;
}

/** One terminal for the programs of a session, one after the other, and for everybody who watches them. */
export class TerminalHub implements AgentTerminal {
  #size: TerminalSize;

  constructor(options: TerminalHubOptions = {}) {
    this.#size = options.size ?? { columns: 120, rows: 40 };
  }

  get size(): TerminalSize {
    return this.#size;
  }

  get viewerCount(): number {
    return 0;
  }

  /** The program whose terminal this is from now on. Viewers stay; the screen starts blank. */
  connect(_pty: PseudoTerminal): void {
    throw new Error('Not built yet.');
  }

  /** Input by the host itself. */
  write(_data: string | Uint8Array): void {
    throw new Error('Not built yet.');
  }

  attach(_options: { size?: TerminalSize | undefined; canWrite: boolean }): TerminalViewer {
    throw new Error('Not built yet.');
  }

  /** The last word to every viewer. Idempotent. */
  end(_reason: string): void {
    throw new Error('Not built yet.');
  }
}
