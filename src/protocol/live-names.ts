/**
 * The names used on the live WebSocket by clients and server, separate from the schemas so that bundles need not
 * include those.
 */

/** The subprotocol. A browser offers it together with `ticket.<ticket>`, because it cannot send headers. */
export const liveProtocol = 'boocode.live';

/** The largest message the server accepts. */
export const maxLiveMessageBytes = 64 * 1024;

/** How many chats one socket may follow. */
export const maxLiveFollows = 100;
