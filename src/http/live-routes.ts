import { z } from 'zod';
import type { Chats } from '../chats/chats.ts';
import type { Sharing } from '../chats/sharing.ts';
import { BooError } from '../protocol/error.ts';
import { liveClientMessage, liveServerMessage, liveTicket } from '../protocol/live.ts';
import { liveProtocol } from '../protocol/live-names.ts';
import { invalid } from './invalid-request.ts';
import { type LiveSocketOptions, serveLive } from './live-socket.ts';
import { viewerOf } from './live-viewer.ts';
import { json, route, type Route } from './route.ts';
import { offers, ticketIn, type Tickets } from './tickets.ts';

interface LiveRouteOptions extends Omit<LiveSocketOptions, 'viewer'> {
  sharing?: Sharing | undefined;
}

export function liveRoutes(chats: Chats, tickets: Tickets, { sharing, ...options }: LiveRouteOptions): Route[] {
  return [
    route(
      {
        id: 'openLive',
        method: 'GET',
        path: '/v1/live',
        policy: 'ticket',
        role: 'viewer',
        quota: 'sockets',
        summary: 'Follow any number of chats, and notifications about all chats, over one WebSocket',
        errors: ['upgrade_required'],
        responses: {
          101: {
            description:
              'Text messages are JSON: LiveServerMessage and LiveClientMessage. The token goes in the Authorization ' +
              'header; a browser, which cannot send one, takes a ticket and offers the subprotocols `boocode.live` and ' +
              '`ticket.<ticket>`. A followed chat sends a `resume`, then all its events after the cursor.',
            schema: z.union([liveServerMessage, liveClientMessage]),
          },
        },
      },
      {},
      ({ request, env, actor, trail }) => {
        const { upgrade } = env;
        if (!upgrade) throw new BooError('upgrade_required', 'upgrade: this path is a WebSocket.');
        if (!offers(request.headers, liveProtocol)) invalid('sec-websocket-protocol', `must offer ${liveProtocol}`);
        const ticket = ticketIn(request.headers);
        if (ticket !== undefined) tickets.redeem(ticket, 'live');
        return upgrade.accept((socket, connection) => {
          const forget = env.openFeeds?.add(() => socket.close(1001, 'The server is stopping.'));
          socket.once('close', () => forget?.());
          const viewer = sharing && viewerOf(sharing, actor.principal);
          serveLive(socket, connection, chats, { ...options, viewer, onFollow: (chatId) => trail.read(chatId) });
        });
      },
    ),
    route(
      {
        id: 'createLiveTicket',
        method: 'POST',
        path: '/v1/live/tickets',
        policy: 'bearer',
        role: 'viewer',
        summary: 'Create a ticket that opens the live socket once, within 30 seconds',
        responses: { 201: { description: 'The ticket.', schema: liveTicket } },
      },
      {},
      ({ grant }) => json(201, tickets.issue({ to: 'live' }, grant)),
    ),
  ];
}
