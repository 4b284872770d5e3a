import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener, RequestError } from '@hono/node-server';
import { redirectToBasePath, withoutBasePath } from './base-path.ts';
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import {
  connectionLimits,
  type ConnectionLimits,
  type Connections,
  createConnections,
  type Peer,
} from './connections.ts';
import type { Answerer } from './door.ts';
import { brief, hangUp, patient } from './hang-up.ts';
import { isBooCode } from './is-boocode.ts';
import { answerOddRequests, maxHeaders, oddHeaders } from './odd-requests.ts';
import { createOpenFeeds } from './open-feeds.ts';
import { problemResponse } from './problem.ts';
import type { ServerEnv } from './route.ts';
import { createUpgrades } from './upgrades.ts';
import { secure } from './security-headers.ts';
import { createTlsDoor } from './tls-door.ts';
import type { TlsFiles } from './tls-files.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

export interface ListenOptions {
  host: string;
  /** 0 picks any free port. */
  port: number;
  log: Log;
  /** How long requests may take to finish once the server closes. */
  drainTimeoutMs?: number;
  connections?: Partial<ConnectionLimits>;
  /** How long a connection may be without progress: a live feed is never silent for longer than its keep-alive. */
  silenceLimitMs?: number;
  /** How long a request may take to arrive up to the end of its headers. */
  headersLimitMs?: number;
  /** Without it, connections are in clear text. */
  tls?: Pick<TlsFiles, 'context'> | undefined;
  /** Who the server is called by, for clients on this machine; by default an address. */
  name?: string;
  trustedProxies?: TrustedProxies;
  /** The path that a proxy leaves in requests, such as `/boo`. */
  basePath?: string;
}

export interface HttpServer {
  readonly port: number;
  /** As a client on this machine would write it, for example `http://127.0.0.1:4700`. */
  readonly url: string;
  readonly connections: Pick<Connections, 'open' | 'added' | 'end'>;
  /**
   * Stops accepting connections, ends the live feeds, and lets other requests finish within the time limit. Idempotent.
   */
  close(): Promise<void>;
}

/** Throws `config_invalid` if it cannot listen. */
export async function listen(app: Answerer, options: ListenOptions): Promise<HttpServer> {
  const { silenceLimitMs = 120_000, headersLimitMs = 10_000, trustedProxies, basePath = '' } = options;
  const scheme = options.tls ? 'https' : 'http';
  const openFeeds = createOpenFeeds();
  const connections = createConnections({ ...connectionLimits, ...options.connections }, options.log);
  let closing: Promise<void> | undefined;
  /** The connections below TLS. */
  const rawOf = new WeakMap<Socket, Socket>();
  const below = (socket: Socket): Socket => rawOf.get(socket) ?? socket;
  const clientEnv = ({ socket, headers }: IncomingMessage): { peer: Peer; proto: 'http' | 'https' } => {
    const { address, proto = scheme } = trustedProxies?.clientOf(socket.remoteAddress, headers) ?? {};
    return { peer: connections.peerOf(below(socket), address), proto };
  };
  const serverEnv = (incoming: IncomingMessage, { socket } = incoming): ServerEnv => ({
    openFeeds,
    ...clientEnv(incoming),
    allowSilence() {
      socket.setTimeout(0);
      // Whether somebody is still there is asked by the operating system.
      socket.setKeepAlive(true, silenceLimitMs / 2);
      return () => void socket.setTimeout(silenceLimitMs);
    },
  });
  const refusal = (error: unknown): Response => secure(problemResponse(error, options.log));
  const listener = getRequestListener(
    (request, { incoming }) => app.fetch(request, serverEnv(incoming as IncomingMessage)),
    // Requests that could not be built end here: an invalid target or Host header.
    {
      errorHandler: (error) => refusal(asInvalidRequest(error)),
      // Node must not handle the rest of a body: `hang-up.ts` does.
      autoCleanupIncoming: false,
    },
  );
  const serve = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const { socket } = incoming;
    const over = connections.begin(below(socket));
    odd.begin(socket, outgoing);
    const writeHead = outgoing.writeHead.bind(outgoing) as (...given: unknown[]) => ServerResponse;
    outgoing.writeHead = (...given: unknown[]) => {
      // Otherwise the client would send its next request on a connection that is about to close.
      if (hasBody(incoming) && !incoming.complete) outgoing.shouldKeepAlive = false;
      return writeHead(...given);
    };
    // A response that did not wait for the body is the last one, so the rest of the body is not awaited.
    outgoing.prependOnceListener('finish', () => {
      if (incoming.complete) return;
      // If the client wants no further response, Node would close the connection immediately.
      socket.destroySoon = () => socket.end();
      hangUp(socket, incoming, connections.peerOf(below(socket)).isAdmitted ? patient : brief);
    });
    outgoing.once('close', () => {
      over();
      if (closing) setImmediate(() => server.closeIdleConnections());
    });
    const target = withoutBasePath(incoming.url ?? '', basePath);
    const unwanted = oddHeaders(incoming);
    if (unwanted) return void answerWith(refusal(unwanted), outgoing);
    if (target === undefined) return void answerWith(redirectToBasePath(basePath), outgoing);
    incoming.url = target;
    void listener(incoming, outgoing);
    return undefined;
  };
  const server = createServer(
    {
      // A client that sends its headers very slowly holds a socket only for this long. A body has a minimum pace
      // instead of a time limit (`body-pieces.ts`): a large one on a slow line may take its time.
      headersTimeout: headersLimitMs,
      requestTimeout: 0,
      connectionsCheckingInterval: headersLimitMs / 2,
      keepAliveTimeout: 65_000,
      // Without a Host it is refused like any other request.
      requireHostHeader: false,
    },
    serve,
  );
  // Node would drop further ones without a word.
  server.maxHeadersCount = maxHeaders + 1;
  const odd = answerOddRequests(server, options.log);
  server.on('checkExpectation', serve);
  // A body sent with “Expect: 100-continue” is requested only when it is about to be read.
  server.on('checkContinue', (incoming, outgoing) => {
    incoming.once('resume', () => {
      if (!outgoing.headersSent) outgoing.writeContinue();
    });
    serve(incoming, outgoing);
  });
  const upgrades = createUpgrades(app, { log: options.log, openFeeds });
  server.on('upgrade', (incoming, socket, head) => {
    socket.once('close', connections.begin(below(incoming.socket)));
    odd.begin(socket);
    incoming.url = withoutBasePath(incoming.url ?? '', basePath) ?? '/';
    upgrades.handle(incoming, socket, head, clientEnv(incoming));
  });
  const door = options.tls && createTlsDoor(options.tls, options.log);
  const speakHttp = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  server.on('connection', (socket) => {
    if (closing) socket.destroy();
    connections.add(socket);
    const serveOn = (served: Socket): void => {
      rawOf.set(served, socket);
      for (const speak of speakHttp) speak.call(server, served);
    };
    if (door) door(socket, serveOn);
    else serveOn(socket);
  });
  server.setTimeout(silenceLimitMs);

  await bind(server, options);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${scheme}://${options.name ?? nameFor(options.host)}:${port}${basePath}`,
    connections,
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
        connections.destroyUnused();
      });
      return closing;
    },
  };
}

async function answerWith(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(await response.text());
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
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

function bind(server: Server, { host, port, tls }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      void sentenceFor(cause, host, port, tls ? 'https' : 'http').then((sentence) => {
        reject(new BooError('config_invalid', sentence, { cause }));
      });
    });
    server.listen({ host, port, exclusive: true }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

async function sentenceFor(error: NodeJS.ErrnoException, host: string, port: number, scheme: string): Promise<string> {
  const url = `${scheme}://${nameFor(host)}:${port}`;
  switch (error.code) {
    case 'EADDRINUSE':
      if (await isBooCode(url)) {
        return `BooCode is already running on this port: open ${url}, or start another one with --port or BOOCODE_PORT, and with a --data-dir of its own.`;
      }
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
