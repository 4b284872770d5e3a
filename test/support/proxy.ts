/** A small reverse proxy that behaves like common ones in front of real servers. */
import { createServer, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { createGzip } from 'node:zlib';

export interface ProxyOptions {
  target: string;
  /** The path below which the server is reached, such as `/boo`; removed from forwarded requests. */
  prefix?: string;
  /** Compresses every response that does not forbid it, and sends only full blocks. */
  compresses?: boolean;
  passesWebSockets?: boolean;
  /** Replaces the Host header of the browser. */
  host?: string;
}

export interface Proxy {
  /** With the prefix, without a trailing slash. */
  readonly url: string;
  close(): Promise<void>;
}

export async function openProxy(options: ProxyOptions): Promise<Proxy> {
  const { prefix = '', compresses = false, passesWebSockets = true } = options;
  const target = new URL(options.target);
  const pathOf = (incoming: IncomingMessage): string | undefined => {
    const url = incoming.url ?? '/';
    return url === prefix || url.startsWith(`${prefix}/`) ? url.slice(prefix.length) || '/' : undefined;
  };
  const headersOf = ({ headers }: IncomingMessage): typeof headers =>
    options.host === undefined ? headers : { ...headers, host: options.host };

  const server = createServer((incoming, response) => {
    const path = pathOf(incoming);
    if (path === undefined) return void response.writeHead(404).end();
    const { method } = incoming;
    const onward = request(target, { method, path, headers: headersOf(incoming) }, (answer) => {
      const headers = { ...answer.headers };
      const mayPack =
        compresses && !/no-transform/.test(headers['cache-control'] ?? '') && !headers['content-encoding'];
      if (mayPack) {
        delete headers['content-length'];
        headers['content-encoding'] = 'gzip';
      }
      response.writeHead(answer.statusCode ?? 502, headers);
      response.flushHeaders();
      if (mayPack) answer.pipe(createGzip()).pipe(response);
      else answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    incoming.pipe(onward);
    return undefined;
  });
  server.on('upgrade', (incoming, socket, head) => {
    const path = pathOf(incoming);
    if (!passesWebSockets || path === undefined) {
      socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      return;
    }
    const onward = connect(Number(target.port), target.hostname);
    const lines = Object.entries(headersOf(incoming)).map(([name, value]) => `${name}: ${String(value)}\r\n`);
    onward.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
    onward.write(head);
    onward.pipe(socket).pipe(onward);
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
