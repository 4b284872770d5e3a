/**
 * A terminal over a WebSocket: binary messages are the terminal's bytes, text messages are JSON about it.
 *
 * The server begins with a `screen`. Whoever is shown output and screens acknowledges their bytes, soon and all of them:
 * beyond 256 KiB that nobody acknowledged the server sends no more, and then a new `screen` in place of what was missed.
 */
import { z } from 'zod';

export const terminalSize = z
  .object({ columns: z.int().min(1).max(1000), rows: z.int().min(1).max(1000) })
  .meta({ id: 'TerminalSize' });
export type TerminalSize = z.infer<typeof terminalSize>;

/** `read` sees the terminal, and neither types nor has a say in its size. */
export const terminalAccess = z.enum(['write', 'read']);
export type TerminalAccess = z.infer<typeof terminalAccess>;

export const createTerminalTicket = z
  .strictObject({ access: terminalAccess.default('write') })
  .meta({ id: 'CreateTerminalTicket' });
export type CreateTerminalTicket = z.input<typeof createTerminalTicket>;

/** Opens the terminal of one chat once, within 30 seconds. Offered as the subprotocol `ticket.<ticket>`. */
export const terminalTicket = z
  .object({ ticket: z.string(), expiresAt: z.iso.datetime() })
  .meta({ id: 'TerminalTicket' });
export type TerminalTicket = z.infer<typeof terminalTicket>;

/** What the server says in text. Binary messages are output, free of anything that a terminal would answer. */
export const terminalServerMessage = z
  .discriminatedUnion('type', [
    /** The whole screen as it is now: drawn on a blank terminal of this size. Its bytes are those of `data` in UTF-8. */
    z.object({ type: z.literal('screen'), size: terminalSize, data: z.string() }),
    z.object({ type: z.literal('size'), size: terminalSize }),
    /** The last message; the socket closes with 1000. */
    z.object({ type: z.literal('ended'), reason: z.string() }),
    /** What this client sent last was not done. The connection goes on, but ends with 1008 after a hundred of these. */
    z.object({ type: z.literal('error'), code: z.string(), message: z.string() }),
  ])
  .meta({ id: 'TerminalServerMessage' });
export type TerminalServerMessage = z.infer<typeof terminalServerMessage>;

/** What a client says in text. Binary messages are keys, up to 4 MiB each. Text that somebody pasted is none of them. */
export const terminalClientMessage = z
  .discriminatedUnion('type', [
    /** So many more bytes of output and screens were shown. */
    z.strictObject({ type: z.literal('acknowledge'), bytes: z.int().min(0) }),
    z.strictObject({ type: z.literal('resize'), ...terminalSize.shape }),
    /** It reaches the program as text, whatever is in it: no character of it is a key. */
    z.strictObject({ type: z.literal('paste'), text: z.string() }),
  ])
  .meta({ id: 'TerminalClientMessage' });
export type TerminalClientMessage = z.infer<typeof terminalClientMessage>;
