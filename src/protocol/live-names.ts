/** The words of the live WebSocket that clients and server share, apart from the schemas: a bundle need not hold those. */

/** The subprotocol. A browser offers it together with `ticket.<ticket>`, for it can send no header. */
export const liveProtocol = 'boocode.live';

/** The largest message that the server takes. */
export const maxLiveMessageBytes = 64 * 1024;

/** How many chats one socket may follow. */
export const maxLiveFollows = 100;
