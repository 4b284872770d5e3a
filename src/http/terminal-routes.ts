import { z } from 'zod';
import type { Chats } from '../chats/chats.ts';
import { BooError } from '../protocol/error.ts';
import { terminalProtocol } from '../protocol/terminal-names.ts';
import {
  createTerminalTicket,
  terminalAccess,
  terminalClientMessage,
  terminalServerMessage,
  type TerminalSize,
  terminalTicket,
} from '../protocol/terminal.ts';
import { invalid } from './invalid-request.ts';
import { chatPath, wholeNumber } from './parameters.ts';
import { json, route, type Route } from './route.ts';
import { serveTerminal, type TerminalSocketOptions } from './terminal-socket.ts';
import { offers, ticketIn, type Tickets } from './tickets.ts';

const cells = wholeNumber(1, 1000, 'must be a whole number from 1 to 1000');

export function terminalRoutes(chats: Chats, tickets: Tickets, options: TerminalSocketOptions): Route[] {
  return [
    route(
      {
        id: 'openTerminal',
        method: 'GET',
        path: '/v1/chats/{chatId}/terminal',
        policy: 'ticket',
        summary: 'Attach to the terminal of a chat’s agent: a WebSocket',
        errors: [
          'upgrade_required',
          'terminal_unavailable',
          'chat_elsewhere',
          'cwd_invalid',
          'workspace_missing',
          'backend_unavailable',
        ],
        responses: {
          101: {
            description:
              'Binary messages are the terminal’s bytes, output from the server and keys from the client. Text messages ' +
              'are JSON: TerminalServerMessage, the first one a `screen`, and TerminalClientMessage. The token goes in ' +
              'the Authorization header; a browser, which cannot send one, takes a ticket and offers the subprotocols ' +
              '`boocode.terminal` and `ticket.<ticket>`. The terminal takes the smallest size among its writers.',
            schema: z.union([terminalServerMessage, terminalClientMessage]),
          },
        },
      },
      {
        params: chatPath,
        query: z.strictObject({ columns: cells.optional(), rows: cells.optional(), access: terminalAccess.optional() }),
      },
      async ({ params: { chatId }, query, request, env }) => {
        const { upgrade } = env;
        if (!upgrade) throw new BooError('upgrade_required', 'upgrade: a terminal is a WebSocket.');
        if (!offers(request.headers, terminalProtocol))
          invalid('sec-websocket-protocol', `must offer ${terminalProtocol}`);
        const size = sizeIn(query);
        const ticket = ticketIn(request.headers);
        const rights = ticket === undefined ? undefined : tickets.redeem(ticket, 'terminal');
        if (rights && rights.chatId !== chatId) {
          throw new BooError('unauthorized', 'ticket: is for another chat.', {
            details: { field: 'sec-websocket-protocol' },
          });
        }
        const canWrite = (rights?.access ?? 'write') === 'write' && query.access !== 'read';
        const terminal = await chats.openTerminal(chatId);
        return upgrade.accept((socket) => {
          const forget = env.openFeeds?.add(() => socket.close(1001, 'The server is stopping.'));
          socket.once('close', () => forget?.());
          serveTerminal(socket, terminal.attach({ size, canWrite }), options);
        });
      },
    ),
    route(
      {
        id: 'createTerminalTicket',
        method: 'POST',
        path: '/v1/chats/{chatId}/terminal/tickets',
        policy: 'bearer',
        summary: 'Start a chat’s terminal, and create a ticket that opens it once, within 30 seconds',
        errors: ['terminal_unavailable', 'chat_elsewhere', 'cwd_invalid', 'workspace_missing', 'backend_unavailable'],
        responses: { 201: { description: 'The ticket.', schema: terminalTicket } },
      },
      { params: chatPath, body: createTerminalTicket },
      async ({ params: { chatId }, body, actor }) => {
        // Report problems with the terminal here, because browsers cannot see why a WebSocket was refused.
        await chats.openTerminal(chatId);
        return json(201, tickets.issue({ to: 'terminal', chatId, access: body.access }, actor.principal));
      },
    ),
  ];
}

function sizeIn({
  columns,
  rows,
}: {
  columns?: number | undefined;
  rows?: number | undefined;
}): TerminalSize | undefined {
  if (columns === undefined && rows === undefined) return undefined;
  return {
    columns: columns ?? invalid('columns', 'is required with rows'),
    rows: rows ?? invalid('rows', 'is required with columns'),
  };
}
