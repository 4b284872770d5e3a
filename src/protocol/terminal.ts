/**
 * A terminal over a WebSocket: binary messages are the terminal's bytes, text messages are JSON about it.
 *
 * The server starts with a `screen`. The client acknowledges all bytes of output and screens soon after showing them:
 * beyond 256 KiB of unacknowledged bytes the server sends nothing more, and then a new `screen` in place of what was
 * missed.
 */
import { z } from 'zod';

export const terminalSize = z
  .object({ columns: z.int().min(1).max(1000), rows: z.int().min(1).max(1000) })
  .meta({ id: 'TerminalSize' });
export type TerminalSize = z.infer<typeof terminalSize>;

/** `read` sees the terminal, but can neither type nor affect its size. */
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

/** The server's text messages. Binary messages are output, free of anything a terminal would answer. */
export const terminalServerMessage = z
  .discriminatedUnion('type', [
    /** The whole current screen: drawn on a blank terminal of this size. Its byte count is that of `data` in UTF-8. */
    z.object({ type: z.literal('screen'), size: terminalSize, data: z.string() }),
    z.object({ type: z.literal('size'), size: terminalSize }),
    /** The last message; the socket closes with 1000. */
    z.object({ type: z.literal('ended'), reason: z.string() }),
    /**
     * This client's last message was not executed. The connection stays open, but closes with 1008 after a hundred of
     * these.
     */
    z.object({ type: z.literal('error'), code: z.string(), message: z.string() }),
  ])
  .meta({ id: 'TerminalServerMessage' });
export type TerminalServerMessage = z.infer<typeof terminalServerMessage>;

/** The client's text messages. Binary messages are keys, up to 4 MiB each; pasted text must not be sent as keys. */
export const terminalClientMessage = z
  .discriminatedUnion('type', [
    /** This many more bytes of output and screens were shown. */
    z.strictObject({ type: z.literal('acknowledge'), bytes: z.int().min(0) }),
    z.strictObject({ type: z.literal('resize'), ...terminalSize.shape }),
    /** It reaches the program as text, whatever it contains: no character of it is a key. */
    z.strictObject({ type: z.literal('paste'), text: z.string() }),
  ])
  .meta({ id: 'TerminalClientMessage' });
export type TerminalClientMessage = z.infer<typeof terminalClientMessage>;
