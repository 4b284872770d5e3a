import { z } from 'zod';
import type { AgentTerminal, Chats } from '../chats/chats.ts';
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
import type { Forwarding } from './forwarding.ts';
import { invalid } from './invalid-request.ts';
import { chatPath, wholeNumber } from './parameters.ts';
import { json, route, type Route, smallBodyBytes } from './route.ts';
import { serveTerminal, type TerminalSocketOptions } from './terminal-socket.ts';
import { offers, ticketIn, type Tickets } from './tickets.ts';

const cells = wholeNumber(1, 1000, 'must be a whole number from 1 to 1000');

interface TerminalRouteOptions extends TerminalSocketOptions {
  forwarding?: Forwarding | undefined;
}

export function terminalRoutes(chats: Chats, tickets: Tickets, options: TerminalRouteOptions): Route[] {
  const { forwarding } = options;

  return [
    route(
      {
        id: 'openTerminal',
        method: 'GET',
        path: '/v1/chats/{chatId}/terminal',
        policy: 'ticket',
        role: 'member',
        isAudited: true,
        quota: 'terminals',
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
      async ({ params: { chatId }, query, request, env, actor, forwarded, trail }) => {
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
        trail.tell({ details: { access: canWrite ? 'write' : 'read' } });
        const open = (): Promise<AgentTerminal> => chats.openTerminal(chatId);
        const found = forwarding && !forwarded ? await forwarding.hereOr({ chatId }, open) : { here: await open() };
        if ('holder' in found) {
          const sizes = size ? `columns=${size.columns}&rows=${size.rows}&` : '';
          const target = `/v1/chats/${chatId}/terminal?${sizes}access=${canWrite ? 'write' : 'read'}`;
          const upgraded = await forwarding!.upgrade(found.holder, { request, principal: actor.principal }, target);
          return 'answer' in upgraded ? forwarding!.refusal(upgraded) : upgrade.tunnel(upgraded);
        }
        return upgrade.accept((socket) => {
          const forget = env.openFeeds?.add(() => socket.close(1001, 'The server is stopping.'));
          socket.once('close', () => forget?.());
          serveTerminal(socket, found.here.attach({ size, canWrite }), {
            ...options,
            onTyping: () => canWrite && trail.add('typeInTerminal'),
          });
        });
      },
    ),
    route(
      {
        id: 'createTerminalTicket',
        method: 'POST',
        path: '/v1/chats/{chatId}/terminal/tickets',
        policy: 'bearer',
        role: 'member',
        summary: 'Start a chat’s terminal, and create a ticket that opens it once, within 30 seconds',
        errors: ['terminal_unavailable', 'chat_elsewhere', 'cwd_invalid', 'workspace_missing', 'backend_unavailable'],
        responses: { 201: { description: 'The ticket.', schema: terminalTicket } },
      },
      { params: chatPath, body: createTerminalTicket },
      async ({ params: { chatId }, body, actor, grant, request, forwarded }) => {
        // Report problems with the terminal here, because browsers cannot see why a WebSocket was refused.
        const here = async (): Promise<Response> => {
          await chats.openTerminal(chatId);
          return new Response(null, { status: 204 });
        };
        const asked = {
          of: { chatId },
          request: repeated(request, body),
          principal: actor.principal,
          limitBytes: smallBodyBytes,
          isStored: false,
        };
        const opened = forwarding && !forwarded ? await forwarding.answer(asked, here) : await here();
        if (!opened.ok) return opened;
        // The ticket is for the host that has the browser: its WebSocket begins here.
        await opened.body?.cancel();
        return json(201, tickets.issue({ to: 'terminal', chatId, access: body.access }, grant));
      },
    ),
  ];
}

function repeated({ url, method, signal }: Request, body: unknown): Request {
  return new Request(url, {
    method,
    signal,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
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
