import type { TerminalSize } from '../protocol/terminal.ts';

/** What a viewer of a terminal is shown, in order. */
export type TerminalFrame =
  /**
   * The whole screen as it is now, with what scrolled off it: drawn on a blank terminal of this size. Comes first, and
   * again in place of output that a viewer was too slow to take.
   */
  | { type: 'screen'; size: TerminalSize; data: string }
  /** What the program wrote since, free of queries: those were answered already. */
  | { type: 'output'; data: Uint8Array }
  | { type: 'size'; size: TerminalSize }
  /** The last frame: the program has ended, or its session was closed. */
  | { type: 'ended'; reason: string };

export interface TerminalViewer {
  /** Ends after `ended`, or when the viewer is closed. */
  readonly frames: AsyncIterable<TerminalFrame>;
  /** So many more bytes of `output` and `screen` frames were shown. Who never says so is shown nothing more in time. */
  acknowledge(bytes: number): void;
  /** Keys, as a terminal sends them. Dropped where the viewer may not write. */
  write(data: Uint8Array): void;
  /** Text that was pasted: it reaches the program as text, whatever is in it. Dropped where the viewer may not write. */
  paste(text: string): void;
  /** Throws BooError `invalid_request` for a size that no terminal has. */
  resize(size: TerminalSize): void;
  /** Idempotent. */
  close(): void;
}

/** The terminal of an open session. It has the smallest width and height that its writing viewers have. */
export interface AgentTerminal {
  attach(options: { size?: TerminalSize | undefined; canWrite: boolean }): TerminalViewer;
}
