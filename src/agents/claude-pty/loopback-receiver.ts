/** A loopback port of this process, to which the program posts what it reports, as JSON. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createJsonScan } from '../../lib/json-scan.ts';

/** What it returns is the answer. */
export type Listener = (input: unknown) => Promise<object | undefined> | void;

export interface LoopbackReceiver {
  readonly port: number;
  /** By what identifies a request. Whoever is removed hears nothing more. */
  readonly listeners: Map<string, Listener>;
  /** Idempotent. */
  readonly close: () => Promise<void>;
}

export interface LoopbackReceiverOptions {
  /** What identifies a request, and is secret. */
  readonly keyOf: (request: IncomingMessage) => string | undefined;
  /** More than the program ever sends: a tool can find the port and the key, and megabytes of empty lists take seconds. */
  jsonBounds: Parameters<typeof createJsonScan>[0];
}

const maxBodyBytes = 8 * 1024 * 1024;

/** Throws what only says that it is refused. */
export function readReport(body: string, jsonBounds: LoopbackReceiverOptions['jsonBounds']): unknown {
  if (createJsonScan(jsonBounds)(Buffer.from(body)) !== undefined) throw new TypeError('The input is too large.');
  return JSON.parse(body);
}

export async function openLoopbackReceiver({ keyOf, jsonBounds }: LoopbackReceiverOptions): Promise<LoopbackReceiver> {
  const listeners = new Map<string, Listener>();
  const server = createServer((request, response) => {
    const key = keyOf(request) ?? '';
    if (!listeners.has(key) || request.method !== 'POST') {
      response.writeHead(404).end();
      return;
    }
    readBody(request)
      .then(async (body) => {
        const input = readReport(body, jsonBounds);
        // The session may have been forgotten meanwhile.
        const answer = JSON.stringify((await listeners.get(key)?.(input)) ?? {});
        response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
      })
      .catch(() => response.writeHead(400).end());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  let closing: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    listeners,
    close() {
      closing ??= new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closing;
    },
  };
}

/** Rejects if the body is larger than anything the program sends. */
function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBodyBytes) request.destroy(new Error('The body is too large.'));
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    request.on('error', reject);
  });
}
