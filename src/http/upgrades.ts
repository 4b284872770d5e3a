/**
 * Connections that request an upgrade to a WebSocket. They go through the app like any other request, with all its
 * checks. Only a route that accepts upgrades them; every other response is written unchanged.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import { liveProtocol } from '../protocol/live-names.ts';
import { maxMessageBytes, terminalProtocol } from '../protocol/terminal-names.ts';
import type { Answerer } from './door.ts';
import type { OpenFeeds } from './open-feeds.ts';
import { problemResponse } from './problem.ts';
import { writeRawResponse } from './raw-response.ts';
import type { ServerEnv, Tunnel, Upgrade } from './route.ts';
import { secure } from './security-headers.ts';

export interface Upgrades {
  handle(incoming: IncomingMessage, socket: Duplex, head: Buffer, env: Pick<ServerEnv, 'peer' | 'proto'>): void;
  /** Closes connections that are still open. */
  destroyAll(): void;
}

const protocols = [terminalProtocol, liveProtocol];

export function createUpgrades(app: Answerer, options: { log: Log; openFeeds: OpenFeeds }): Upgrades {
  const { log, openFeeds } = options;
  const sockets = new Set<Duplex>();
  const websockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    maxFragments: 1024,
    // The subprotocol that is not a ticket.
    handleProtocols: (offered) => protocols.find((each) => offered.has(each)) ?? false,
  });
  const refuse = (socket: Duplex, error: BooError): Promise<void> =>
    writeRawResponse(socket, secure(problemResponse(error, log)), true);
  websockets.on('wsClientError', (error, socket) => {
    void refuse(
      socket,
      new BooError('invalid_request', `upgrade: ${error.message}`, { details: { field: 'upgrade' } }),
    );
  });

  async function answer(
    incoming: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    env: Pick<ServerEnv, 'peer' | 'proto'>,
  ): Promise<void> {
    const request = requestOf(incoming);
    if (!request) {
      const sentence = 'The request line or the Host header is not valid, or the method cannot be upgraded.';
      return refuse(socket, new BooError('invalid_request', sentence));
    }
    let serve: ((socket: WebSocket, connection: Duplex) => void) | undefined;
    let tunnel: Tunnel | undefined;
    const upgrade: Upgrade = {
      accept(given) {
        serve = given;
        // A Response cannot have the status 101.
        return new Response(null, { status: 204 });
      },
      tunnel(given) {
        tunnel = given;
        return new Response(null, { status: 204 });
      },
    };
    const isWebSocket = incoming.headers.upgrade?.toLowerCase() === 'websocket';
    const whenClosed = (call: () => void): void => void (socket.destroyed ? call() : socket.once('close', call));
    const response = await app.fetch(request, { ...env, openFeeds, whenClosed, ...(isWebSocket ? { upgrade } : {}) });
    if (tunnel) return connect(socket, head, tunnel, openFeeds);
    if (!serve) return writeRawResponse(socket, response, request.method === 'GET');
    const run = serve;
    if (!socket.destroyed) websockets.handleUpgrade(incoming, socket, head, (websocket) => run(websocket, socket));
    return undefined;
  }

  return {
    handle(incoming, socket, head, env) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      answer(incoming, socket, head, env).catch((error: unknown) => {
        log.error({ err: error }, 'A connection could not be upgraded.');
        socket.destroy();
      });
    },
    destroyAll() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Passes the bytes of both sides on, and the end of either one; each side waits for the other. */
function connect(client: Duplex, head: Buffer, { response, socket, head: first }: Tunnel, openFeeds: OpenFeeds): void {
  const end = (): void => {
    forget();
    client.destroy();
    socket.destroy();
  };
  const forget = openFeeds.add(end);
  for (const side of [client, socket]) side.once('close', end).on('error', end);
  // One that has gone meanwhile reports nothing any more.
  if (client.destroyed || socket.destroyed) return end();
  client.write(`HTTP/1.1 101 Switching Protocols\r\n${handshake(response)}\r\n`);
  client.write(first);
  socket.write(head);
  client.pipe(socket).pipe(client);
}

/** What a client checks of the other host's handshake. */
function handshake({ headers }: IncomingMessage): string {
  return ['upgrade', 'connection', 'sec-websocket-accept', 'sec-websocket-protocol']
    .filter((name) => headers[name] !== undefined)
    .map((name) => `${name}: ${String(headers[name])}\r\n`)
    .join('');
}

/** Undefined if it is not a request that the app can handle, or may have a body. */
function requestOf(incoming: IncomingMessage): Request | undefined {
  const { method = '', url = '', rawHeaders } = incoming;
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  const headers = new Headers();
  try {
    for (let at = 0; at < rawHeaders.length; at += 2) headers.append(rawHeaders[at]!, rawHeaders[at + 1]!);
    const target = url.startsWith('/') ? `http://${headers.get('host')}${url}` : url;
    return new Request(target, { method, headers });
  } catch {
    return undefined;
  }
}
