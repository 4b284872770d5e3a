import { z } from 'zod';
import type { Chats } from '../chats/chats.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { delta, event, eventPage, resume } from '../protocol/event.ts';
import { invalid } from './invalid-request.ts';
import { chatPath, logCursor, pageLimit } from './parameters.ts';
import { json, route, type Route } from './route.ts';
import { feedStream } from './sse.ts';

export interface FeedOptions {
  keepAliveMs: number;
  clock: Clock;
  log: Log;
}

/** A proxy that compresses responses holds back incomplete blocks, and a buffering one holds back everything. */
export const streamed = { 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' };

export function eventRoutes(chats: Chats, options: FeedOptions): Route[] {
  return [
    route(
      {
        id: 'listEvents',
        method: 'GET',
        path: '/v1/chats/{chatId}/events',
        policy: 'bearer',
        role: 'viewer',
        quota: 'feeds',
        summary: 'Read a chat’s events, as a page or, with Accept: text/event-stream, as a live feed',
        errors: ['chat_elsewhere', 'log_replaced'],
        responses: {
          200: [
            { description: 'A page of events, or the live feed.', schema: eventPage },
            {
              description:
                'Named server-sent events with JSON data: first `resume` (Resume), then `event` (Event; its id is the ' +
                'cursor after it, its seq and a mark) and `delta` (Delta; no id). The feed ends when the reader falls behind, when the chat is deleted ' +
                'and when the server stops; reconnect with the last id.',
              contentType: 'text/event-stream',
              schema: z.union([resume, event, delta]),
            },
          ],
        },
      },
      {
        params: chatPath,
        query: z.strictObject({
          after: logCursor.optional(),
          before: logCursor.optional(),
          limit: pageLimit(1000, 200).optional(),
        }),
        // An EventSource reconnects to the same URL, so its header has the newer cursor.
        headers: z.object({ 'last-event-id': logCursor.optional() }),
      },
      async ({ params, query, headers, request, env, forwarded }) => {
        // HEAD requests arrive here too, but nobody reads their body: do not open a reader.
        if (request.method !== 'GET' || !wantsFeed(request)) {
          const { after, before, limit = 200 } = query;
          if (after !== undefined && before !== undefined) invalid('before', 'cannot be combined with after');
          const page = before === undefined ? { after: after ?? 0, limit } : { before, limit };
          return json(200, await chats.readEvents(params.chatId, page));
        }
        for (const field of ['limit', 'before']) {
          if (new URL(request.url).searchParams.has(field)) invalid(field, 'applies to a page, not to a live feed');
        }
        const after = headers['last-event-id'] ?? query.after ?? 0;
        // Another host that does not hold the chat either would wait for this one.
        const reader = await chats.follow(params.chatId, { after, onlyIfHeld: forwarded !== undefined });
        const forget = env.openFeeds?.add(() => reader.close());
        const body = feedStream(reader, {
          keepAliveMs: options.keepAliveMs,
          clock: options.clock,
          onError: (error) => options.log.error({ err: error, chatId: params.chatId }, 'A live feed broke.'),
          onEnd: () => forget?.(),
        });
        // The last header keeps proxies from holding frames back.
        return new Response(body, { headers: { 'content-type': 'text/event-stream', ...streamed } });
      },
    ),
  ];
}

export function wantsFeed(request: Request): boolean {
  const accepted = request.headers.get('accept') ?? '';
  return accepted.split(',').some((range) => range.split(';')[0]?.trim().toLowerCase() === 'text/event-stream');
}
