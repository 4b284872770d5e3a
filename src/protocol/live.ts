/**
 * The live WebSocket `GET /v1/live`: everything one client follows, over one connection. Text messages, JSON.
 *
 * A followed chat sends a `resume`, then its history after the cursor, then live events, as in the server-sent event
 * feed. After `follow_chats` the client receives every chat created, changed or deleted by this server, and every
 * decision.
 */
import { z } from 'zod';
import { chat } from './chat.ts';
import { decision } from './decision.ts';
import { delta, event, resume } from './event.ts';
import { markedCursor } from './log-cursor.ts';

const chatId = z.uuid('must be a UUID').toLowerCase();

/** Opens the live socket once, within 30 seconds. Offered as the subprotocol `ticket.<ticket>`. */
export const liveTicket = z.object({ ticket: z.string(), expiresAt: z.iso.datetime() }).meta({ id: 'LiveTicket' });
export type LiveTicket = z.infer<typeof liveTicket>;

/**
 * Why a chat is no longer followed. `behind`: the client read too slowly. `failed`: the server could not continue
 * reading. `closing`: the server stops. After these it can be followed again with the cursor; after `deleted` and
 * `unknown` it cannot.
 */
export const liveEndReasons = ['behind', 'deleted', 'unknown', 'closing', 'failed'] as const;
export type LiveEndReason = (typeof liveEndReasons)[number];

export const liveServerMessage = z
  .discriminatedUnion('type', [
    /** Precedes everything else about a followed chat, and again whenever it is followed again: previews start over. */
    z.object({ ...resume.shape, chatId: z.uuid() }),
    /** `cursor` is where to follow the chat from later. */
    z.object({ type: z.literal('event'), event, cursor: z.string().optional() }),
    z.object({ type: z.literal('delta'), delta }),
    z.object({ type: z.literal('ended'), chatId: z.uuid(), reason: z.enum(liveEndReasons) }),
    /** The chat as it is now: it was created, or something other than its head has changed. */
    z.object({ type: z.literal('chat'), chat }),
    z.object({ type: z.literal('chat_deleted'), chatId: z.uuid() }),
    /** A decision that was requested or settled. */
    z.object({ type: z.literal('decision'), decision }),
    /** After `follow_chats`: every warm chat and every pending decision has been sent; changes follow. */
    z.object({ type: z.literal('chats_followed') }),
    /**
     * This client's last message was not executed. The connection stays open, but closes with 1008 after a hundred of
     * these.
     */
    z.object({ type: z.literal('error'), code: z.string(), message: z.string() }),
    /**
     * The answer to a `ping`, and sent occasionally without one. A client that gets no answer knows that the connection
     * is dead.
     */
    z.object({ type: z.literal('alive') }),
  ])
  .meta({ id: 'LiveServerMessage' });
export type LiveServerMessage = z.infer<typeof liveServerMessage>;

export const liveClientMessage = z
  .discriminatedUnion('type', [
    /** `after` is the cursor, or the seq, of the last event the client has. Following again restarts at the cursor. */
    z.strictObject({
      type: z.literal('follow'),
      chatId,
      after: z.union([z.int().min(0), z.string().regex(markedCursor)], 'must be a seq or a cursor'),
    }),
    z.strictObject({ type: z.literal('unfollow'), chatId }),
    z.strictObject({ type: z.literal('follow_chats') }),
    /** Requests an `alive`: a browser can neither send nor see the WebSocket's own pings. */
    z.strictObject({ type: z.literal('ping') }),
  ])
  .meta({ id: 'LiveClientMessage' });
export type LiveClientMessage = z.infer<typeof liveClientMessage>;
