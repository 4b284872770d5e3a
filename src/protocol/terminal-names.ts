/**
 * The names used on a terminal's WebSocket by clients and server, separate from the schemas so that bundles need not
 * include those.
 */

/**
 * The subprotocol of a terminal. A browser offers it together with `ticket.<ticket>`, because it cannot send headers.
 */
export const terminalProtocol = 'boocode.terminal';
export const ticketPrefix = 'ticket.';

/** The largest message the server accepts. Clients send longer input in pieces. */
export const maxMessageBytes = 4 * 1024 * 1024;
