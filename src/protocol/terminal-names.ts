/** The words of a terminal's WebSocket that clients and server share, apart from the schemas: a bundle need not hold those. */

/** The subprotocol of a terminal. A browser offers it together with `ticket.<ticket>`, for it can send no header. */
export const terminalProtocol = 'boocode.terminal';
export const ticketPrefix = 'ticket.';

/** The largest message that the server takes. Clients send longer input in pieces. */
export const maxMessageBytes = 4 * 1024 * 1024;
