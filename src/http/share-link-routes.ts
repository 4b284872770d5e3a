import { z } from 'zod';
import type { Chats } from '../chats/chats.ts';
import { readSharedEvents, readSharedTitle, sharedReader } from '../chats/shared-view.ts';
import type { OpenLink, ShareLinksApi } from '../people/share-links.ts';
import { BooError } from '../protocol/error.ts';
import { delta, event, resume } from '../protocol/event.ts';
import { createdShareLink, createShareLink, sharedChat, shareLinkList } from '../protocol/share-link.ts';
import { recheckedFeeds, recheckMs } from './chat-guard.ts';
import { type FeedOptions, streamed, wantsFeed } from './event-routes.ts';
import type { OpenFeeds } from './open-feeds.ts';
import { chatPath, pageLimit, uuid, wholeNumber } from './parameters.ts';
import { json, route, type Route } from './route.ts';
import { linkTo, urlFor } from './sign-in-links.ts';
import { feedStream } from './sse.ts';

interface ShareLinkRouteOptions extends FeedOptions {
  publicOrigins: readonly string[];
  basePath: string;
}

const linkPath = chatPath.extend({ linkId: uuid });
const secret = { 'cache-control': 'no-store' };

/** `/v1/shared` names no chat: which one it is, is the link's alone. */
export function shareLinkRoutes(
  chats: Chats,
  given: ShareLinksApi | undefined,
  { publicOrigins, basePath, ...feed }: ShareLinkRouteOptions,
): Route[] {
  const links = (): ShareLinksApi => {
    if (!given) throw new BooError('not_found', 'Chats are not shared on this server.');
    return given;
  };
  return [
    route(
      {
        id: 'listShareLinks',
        method: 'GET',
        path: '/v1/chats/{chatId}/links',
        policy: 'bearer',
        role: 'member',
        forOwnerOfChat: true,
        summary: 'List the links by which anybody reads the chat',
        responses: { 200: { description: 'The newest first, without their secrets.', schema: shareLinkList } },
      },
      { params: chatPath },
      async ({ params }) => json(200, { items: await links().list(params.chatId) }),
    ),
    route(
      {
        id: 'createShareLink',
        method: 'POST',
        path: '/v1/chats/{chatId}/links',
        policy: 'bearer',
        role: 'member',
        forOwnerOfChat: true,
        summary: 'Make a link by which anybody reads the chat, as it goes on or up to an event, without an account',
        responses: { 201: { description: 'The link, whose address is not shown again.', schema: createdShareLink } },
      },
      { params: chatPath, body: createShareLink },
      async ({ params, body, actor, request, env, trail }) => {
        const { link, secret: code } = await links().create(actor.principal, params.chatId, body);
        trail.tell({ details: { linkId: link.id } });
        const address = linkTo(publicOrigins, urlFor(request, env.proto, basePath), `share=${code}`);
        return json(201, { ...link, ...address }, secret);
      },
    ),
    route(
      {
        id: 'revokeShareLink',
        method: 'DELETE',
        path: '/v1/chats/{chatId}/links/{linkId}',
        policy: 'bearer',
        role: 'member',
        forOwnerOfChat: true,
        summary: 'Revoke a link: what is open by it ends',
        responses: { 204: { description: 'It shows nothing any more.' } },
      },
      { params: linkPath },
      async ({ params }) => {
        await links().revoke(params.chatId, params.linkId);
        return new Response(null, { status: 204 });
      },
    ),
    route(
      {
        id: 'getSharedChat',
        method: 'GET',
        path: '/v1/shared',
        policy: 'link',
        summary: 'What a link shows',
        errors: ['not_found'],
        responses: { 200: { description: 'The chat’s title, and how long the link lasts.', schema: sharedChat } },
      },
      {},
      async ({ link, clock, trail }) => {
        trail.opened(link.chatId, link.id);
        const expiresAt = new Date(clock.now().getTime() + link.leftMs).toISOString();
        return json(200, { title: await readSharedTitle(chats, link), expiresAt, until: link.untilSeq });
      },
    ),
    route(
      {
        id: 'listSharedEvents',
        method: 'GET',
        path: '/v1/shared/events',
        policy: 'link',
        quota: 'feeds',
        summary: 'Read what a link shows of its chat, as a page or, with Accept: text/event-stream, as a live feed',
        errors: ['not_found', 'chat_elsewhere'],
        responses: {
          200: [
            {
              description: 'A page of events, or the live feed. Events that are not shown are left out.',
              schema: z.object({ items: z.array(event), next: z.int().nullable() }).meta({ id: 'SharedEventPage' }),
            },
            {
              description: 'As the live feed of a chat. A link that ends at an event has none.',
              contentType: 'text/event-stream',
              schema: z.union([resume, event, delta]),
            },
          ],
        },
      },
      {
        query: z.strictObject({
          after: wholeNumber(0, Number.MAX_SAFE_INTEGER, 'must be a whole number from 0 to 2^53 - 1').optional(),
          limit: pageLimit(1000, 200).optional(),
        }),
      },
      async ({ link, query: { after = 0, limit = 200 }, request, env, clock, trail }) => {
        trail.opened(link.chatId, link.id);
        // Nobody reads the body of a HEAD request.
        if (request.method !== 'GET' || !wantsFeed(request)) {
          return json(200, await readSharedEvents(chats, link, { after, limit }), secret);
        }
        if (link.untilSeq !== null) throw new BooError('not_found', 'This link ends at an event: it has no live feed.');
        const reader = sharedReader(await chats.follow(link.chatId, { after }));
        const feeds = env.openFeeds && feedsOfLink(env.openFeeds, links(), link, feed);
        const forget = feeds?.add(() => reader.close());
        const body = feedStream(reader, {
          keepAliveMs: feed.keepAliveMs,
          clock,
          onError: (error) => feed.log.error({ err: error, chatId: link.chatId }, 'A shared feed broke.'),
          onEnd: () => forget?.(),
        });
        return new Response(body, { headers: { 'content-type': 'text/event-stream', ...streamed } });
      },
    ),
  ];
}

/** What is opened by a link ends with it: when it is revoked, here or elsewhere, and at the moment when it expires. */
function feedsOfLink(
  feeds: OpenFeeds,
  links: ShareLinksApi,
  link: OpenLink,
  { clock }: Pick<FeedOptions, 'clock'>,
): OpenFeeds {
  const expiries = new Set<() => void>();
  const observe = (check: (chatId: string) => void): (() => void) => {
    const look = (): void => check(link.chatId);
    const forget = links.observe((chatId) => chatId === link.chatId && look());
    expiries.add(look);
    expireIn(link.leftMs);
    return () => {
      expiries.delete(look);
      forget();
    };
  };
  const expireIn = (ms: number): void => {
    // Until then it is looked at again.
    if (ms <= recheckMs) clock.after(ms, () => expiries.forEach((check) => check()));
  };
  const isAllowed = async (): Promise<boolean> => {
    const leftMs = await links.leftMs(link).catch(() => undefined);
    // A database that is away decides nothing.
    if (leftMs === undefined) return true;
    if (leftMs > 0) expireIn(leftMs);
    return leftMs > 0;
  };
  return recheckedFeeds(feeds, clock, { observe }, isAllowed);
}
