import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener, RequestError } from '@hono/node-server';
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import type { App } from './app.ts';
import { createOpenFeeds } from './open-feeds.ts';
import { problemResponse } from './problem.ts';
import { createUpgrades } from './upgrades.ts';
import { secure } from './security-headers.ts';

export interface ListenOptions {
  host: string;
  /** 0 takes any free port. */
  port: number;
  log: Log;
  /** How long requests may take to end once the server closes. */
  drainTimeoutMs?: number;
}

export interface HttpServer {
  readonly port: number;
  /** As a client on this machine would write it, for example `http://127.0.0.1:4700`. */
  readonly url: string;
  /** Takes no more connections, ends the live feeds, and lets the other requests finish, within the time limit. Idempotent. */
  close(): Promise<void>;
}

/** Throws `config_invalid` where it cannot listen. */
export async function listen(app: App, options: ListenOptions): Promise<HttpServer> {
  const openFeeds = createOpenFeeds();
  const listener = getRequestListener((request) => app.fetch(request, { openFeeds }), {
    // What never became a request ends here: a target or a Host that make no URL.
    errorHandler: (error) => secure(problemResponse(asInvalidRequest(error), options.log)),
  });
  let closing: Promise<void> | undefined;
  // Connections that have asked nothing yet: browsers and undici open some in reserve, and Node does not call them idle.
  const unused = new Set<Socket>();
  const server = createServer(
    {
      // A client that sends its request drop by drop, and one that never takes its answer, hold a socket only so long.
      headersTimeout: 10_000,
      requestTimeout: 120_000,
      connectionsCheckingInterval: 5_000,
      keepAliveTimeout: 65_000,
    },
    (incoming, outgoing) => {
      unused.delete(incoming.socket);
      outgoing.once('close', () => {
        if (closing) setImmediate(() => server.closeIdleConnections());
      });
      void listener(incoming, outgoing);
    },
  );
  const upgrades = createUpgrades(app, { log: options.log, openFeeds });
  server.on('upgrade', (incoming, socket, head) => {
    unused.delete(incoming.socket);
    upgrades.handle(incoming, socket, head);
  });
  server.on('connection', (socket) => {
    if (closing) socket.destroy();
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  // No progress on a socket for so long ends it. A live feed is never silent for longer than its keep-alive.
  server.setTimeout(120_000);

  await bind(server, options);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://${nameFor(options.host)}:${port}`,
    close() {
      closing ??= new Promise((resolve, reject) => {
        const deadline = setTimeout(() => {
          server.closeAllConnections();
          upgrades.destroyAll();
        }, options.drainTimeoutMs ?? 5_000);
        server.close((error) => {
          clearTimeout(deadline);
          if (error) reject(error);
          else resolve();
        });
        openFeeds.closeAll();
        server.closeIdleConnections();
        for (const socket of unused) socket.destroy();
      });
      return closing;
    },
  };
}

function nameFor(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function asInvalidRequest(error: unknown): unknown {
  if (!(error instanceof RequestError)) return error;
  return new BooError('invalid_request', 'The request line or the Host header is not valid.', { cause: error });
}

function bind(server: Server, { host, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(new BooError('config_invalid', sentenceFor(cause, host, port), { cause }));
    });
    server.listen({ host, port, exclusive: true }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function sentenceFor(error: NodeJS.ErrnoException, host: string, port: number): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is in use by another program: choose another with --port or BOOCODE_PORT.`;
    case 'EACCES':
      return `Port ${port} needs more rights than this user has: choose one above 1023 with --port or BOOCODE_PORT.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `The host ${host} is not an address of this machine: choose another with --host or BOOCODE_HOST.`;
    default:
      return `The server cannot listen on ${host}, port ${port}: ${error.message}.`;
  }
}
