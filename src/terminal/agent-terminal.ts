import type { TerminalSize } from '../protocol/terminal.ts';

/** What a terminal's viewer is shown, in order. */
export type TerminalFrame =
  /**
   * The whole current screen, with its scrollback: drawn on a blank terminal of this size. Comes first, and again in
   * place of output a viewer was too slow to read.
   */
  | { type: 'screen'; size: TerminalSize; data: string }
  /** What the program wrote since, without queries: those have been answered. */
  | { type: 'output'; data: Uint8Array }
  | { type: 'size'; size: TerminalSize }
  /** The last frame: the program has ended, or its session was closed. */
  | { type: 'ended'; reason: string };

export interface TerminalViewer {
  /** Ends after `ended`, or when the viewer is closed. */
  readonly frames: AsyncIterable<TerminalFrame>;
  /**
   * This many more bytes of `output` and `screen` frames were shown. A viewer that never acknowledges is eventually
   * shown nothing more.
   */
  acknowledge(bytes: number): void;
  /** Keys, as a terminal sends them. Dropped if the viewer may not write. */
  write(data: Uint8Array): void;
  /** Pasted text: it reaches the program as text, whatever it contains. Dropped if the viewer may not write. */
  paste(text: string): void;
  /** Throws BooError `invalid_request` for an impossible size. */
  resize(size: TerminalSize): void;
  /** Idempotent. */
  close(): void;
}

/** The terminal of an open session. It has the smallest width and height of its writing viewers. */
export interface AgentTerminal {
  readonly viewerCount: number;
  attach(options: { size?: TerminalSize | undefined; canWrite: boolean }): TerminalViewer;
}
