/** A terminal over a WebSocket: bytes are the terminal's, JSON texts are about it. */
import { z } from 'zod';

export const terminalSize = z
  .object({ columns: z.int().min(1).max(1000), rows: z.int().min(1).max(1000) })
  .meta({ id: 'TerminalSize' });
export type TerminalSize = z.infer<typeof terminalSize>;
