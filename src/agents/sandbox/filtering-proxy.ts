/**
 * The proxy through which a sandbox without a network of its own reaches named hosts: CONNECT for everything encrypted, and plain
 * HTTP. Names are resolved here, once: what is connected to is an address that was checked.
 */
import { lookup } from 'node:dns/promises';
import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from 'node:http';
import { connect, isIP, type LookupFunction } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';
import { createLimiter } from '../../lib/limiter.ts';
import { allowsAddress, allowsTarget, type HostRule, parseTarget, type Target } from './host-rules.ts';

export interface ProxyParts {
  rules: readonly HostRule[];
  /** Somebody asked for a host that is not allowed. */
  readonly onRefused: (target: string) => void;
  /** For tests. */
  resolve?: (host: string) => Promise<string[]>;
}

/** More than any tool opens at a time. */
const maxConnections = 256;
const connectMs = 30_000;

/** The system's resolver uses the threads that all files of the server are read with. */
const lookups = createLimiter(2);
const resolveName = (host: string): Promise<string[]> =>
  lookups(async () => (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address));

/** It listens nowhere yet. */
export function createFilteringProxy(parts: ProxyParts): Server {
  const server = createServer(
    { requestTimeout: 0 },
    (request, response) => void relayRequest(parts, request, response),
  );
  server.maxConnections = maxConnections;
  server.on('connect', (request, client, head) => void openTunnel(parts, request, client, head));
  server.on('clientError', (_, socket) => socket.destroy());
  return server;
}

class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const malformed = (): Refusal =>
  new Refusal(
    400,
    'This is the proxy of a sandbox. Ask it for an absolute http:// URL, or with CONNECT for a host and a port.',
  );

/** The addresses that may be connected to. Throws a Refusal. */
async function reach({ rules, onRefused, resolve = resolveName }: ProxyParts, target: Target): Promise<string[]> {
  const { host, port } = target;
  const name = isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
  const refuse = (why: string): Refusal => {
    onRefused(name);
    return new Refusal(403, why);
  };
  if (!allowsTarget(rules, target)) {
    throw refuse(
      `The network of this sandbox is limited, and ${name} is not among its hosts. ` +
        'A limited network has those of the server’s setting --sandbox-hosts (BOOCODE_SANDBOX_HOSTS).',
    );
  }
  const found =
    isIP(host) === 0
      ? await resolve(host).catch((error: NodeJS.ErrnoException) => {
          throw new Refusal(502, `There is no address for ${host} (${error.code ?? error.message}).`);
        })
      : [host];
  const allowed = found.filter((address) => allowsAddress(rules, target, address));
  if (allowed.length > 0) return allowed;
  throw refuse(
    `${name} is at ${found.join(', ') || 'no address'}: on this machine, or in its own network. A sandbox reaches such ` +
      'addresses only if --sandbox-hosts (BOOCODE_SANDBOX_HOSTS) names them as addresses.',
  );
}

/** Answers with what was checked, whatever is asked for. */
function onlyAt(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, options, callback) => {
    if (options.all) callback(null, found);
    else callback(null, found[0]!.address, found[0]!.family);
  };
}

function asRefusal(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal(502, `The host cannot be reached: ${(error as Error).message}`);
}

async function openTunnel(parts: ProxyParts, request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
  client.on('error', () => client.destroy());
  try {
    const target = parseTarget(request.url ?? '');
    if (!target) throw malformed();
    const addresses = await reach(parts, target);
    if (client.destroyed) return;
    const upstream = connect({ host: target.host, port: target.port, lookup: onlyAt(addresses), allowHalfOpen: true });
    client.once('close', () => upstream.destroy());
    upstream.setTimeout(connectMs, () => upstream.destroy(new Error('It does not answer.')));
    await new Promise<void>((resolve, reject) => upstream.once('connect', resolve).once('error', reject));
    upstream.setTimeout(0);
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) upstream.write(head);
    joinStreams(client, upstream);
  } catch (error) {
    const { status, message } = asRefusal(error);
    const body = `${message}\n`;
    // Most tools show the first line, and few the rest.
    client.end(
      `HTTP/1.1 ${status} ${status === 403 ? 'Not allowed in this sandbox' : 'Failed'}\r\ncontent-type: text/plain; charset=utf-8\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  }
}

/** Passes on everything in both directions, ends included. If one breaks, so does the other. */
export function joinStreams(one: Duplex, other: Duplex): void {
  pipeline(one, other, () => undefined);
  pipeline(other, one, () => undefined);
}

/** Between two neighbours only. */
const hopHeaders = new Set(
  'connection keep-alive proxy-connection proxy-authorization proxy-authenticate te trailer upgrade host transfer-encoding'.split(
    ' ',
  ),
);

function passedOn(message: IncomingMessage): Record<string, string[]> {
  const named = (message.headersDistinct['connection'] ?? [])
    .join(',')
    .toLowerCase()
    .split(/[\s,]+/);
  const left = Object.entries(message.headersDistinct).filter(
    ([name]) => !hopHeaders.has(name) && !named.includes(name),
  );
  return Object.fromEntries(left) as Record<string, string[]>;
}

async function relayRequest(parts: ProxyParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const [, authority = '', rest = ''] = /^http:\/\/([^/?#]*)(.*)$/is.exec(request.url ?? '') ?? [];
    const target = parseTarget(authority, 80);
    if (!target) throw malformed();
    const addresses = await reach(parts, target);
    if (response.destroyed) return;
    const { host, port } = target;
    const headers: Record<string, string | string[]> = passedOn(request);
    // Not the one that came with it: the host that was checked.
    headers['host'] = authority;
    if (request.headers['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked';
    const path = rest.startsWith('/') ? rest : `/${rest}`;
    const upstream = httpRequest({
      host,
      port,
      method: request.method,
      path,
      headers,
      lookup: onlyAt(addresses),
      agent: false,
      setHost: false,
    });
    response.once('close', () => upstream.destroy());
    upstream.once('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, passedOn(answer));
      pipeline(answer, response, () => undefined);
    });
    upstream.once('error', (error) => fail(response, error));
    pipeline(request, upstream, () => undefined);
  } catch (error) {
    fail(response, error);
  }
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy();
  const { status, message } = asRefusal(error);
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }).end(`${message}\n`);
}
