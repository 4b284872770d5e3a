/**
 * The live WebSocket `GET /v1/live`: everything that one client follows, over one connection. Text messages, JSON.
 *
 * Of a chat that is followed comes a `resume`, then its history after the cursor, then what happens, as in the feed of
 * server-sent events. Who follows the chats is told of every chat that is made, changed or deleted by this server, and of
 * every decision.
 */
import { z } from 'zod';
import { chat } from './chat.ts';
import { decision } from './decision.ts';
import { delta, event, resume } from './event.ts';

const chatId = z.uuid('must be a UUID').toLowerCase();

/** Opens the live socket once, within 30 seconds. Offered as the subprotocol `ticket.<ticket>`. */
export const liveTicket = z.object({ ticket: z.string(), expiresAt: z.iso.datetime() }).meta({ id: 'LiveTicket' });
export type LiveTicket = z.infer<typeof liveTicket>;

/**
 * Why a chat is followed no more. `behind`: the client took too little in time. `failed`: the server could not read on.
 * `closing`: the server stops. After these it can be followed again with the cursor; after `deleted` and `unknown` not.
 */
export const liveEndReasons = ['behind', 'deleted', 'unknown', 'closing', 'failed'] as const;
export type LiveEndReason = (typeof liveEndReasons)[number];

export const liveServerMessage = z
  .discriminatedUnion('type', [
    /** First of all of a chat that is followed, and again whenever it is followed anew: previews start anew. */
    z.object({ ...resume.shape, chatId: z.uuid() }),
    z.object({ type: z.literal('event'), event }),
    z.object({ type: z.literal('delta'), delta }),
    z.object({ type: z.literal('ended'), chatId: z.uuid(), reason: z.enum(liveEndReasons) }),
    /** The chat as it is now: it was made, or something about it other than its head has changed. */
    z.object({ type: z.literal('chat'), chat }),
    z.object({ type: z.literal('chat_deleted'), chatId: z.uuid() }),
    /** A decision that was requested or settled. */
    z.object({ type: z.literal('decision'), decision }),
    /** After `follow_chats`: every chat that is warm and every pending decision has been sent; changes follow. */
    z.object({ type: z.literal('chats_followed') }),
    /** What this client sent last was not done. The connection goes on, but ends with 1008 after a hundred of these. */
    z.object({ type: z.literal('error'), code: z.string(), message: z.string() }),
    /** The answer to a `ping`, and now and then by itself. A client that gets no answer knows that the connection is dead. */
    z.object({ type: z.literal('alive') }),
  ])
  .meta({ id: 'LiveServerMessage' });
export type LiveServerMessage = z.infer<typeof liveServerMessage>;

export const liveClientMessage = z
  .discriminatedUnion('type', [
    /** `after` is the seq of the last event that the client has. Following again starts again at the cursor. */
    z.strictObject({ type: z.literal('follow'), chatId, after: z.int().min(0) }),
    z.strictObject({ type: z.literal('unfollow'), chatId }),
    z.strictObject({ type: z.literal('follow_chats') }),
    /** Asks for an `alive`: a browser can neither send the WebSocket's own pings nor see them. */
    z.strictObject({ type: z.literal('ping') }),
  ])
  .meta({ id: 'LiveClientMessage' });
export type LiveClientMessage = z.infer<typeof liveClientMessage>;
