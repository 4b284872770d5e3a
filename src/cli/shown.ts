import type { TerminalSize } from '../client/client.ts';

/** Where the agent's terminal is shown. */
export interface Shown {
  /** A whole screen of the given size, on a blank terminal. */
  drawScreen(data: string, size: TerminalSize): Promise<void>;
  draw(data: Uint8Array): Promise<void>;
  /** The agent's terminal has another size now. */
  resize(size: TerminalSize): void;
  close(): void;
}
