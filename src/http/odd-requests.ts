/**
 * What never becomes a request of the app: bytes that are no HTTP, headers that are too large or too slow, CONNECT, and
 * expectations. Node would answer these by itself, without a reason and without our headers.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import { problemResponse } from './problem.ts';
import { writeRawResponse } from './raw-response.ts';
import { secure } from './security-headers.ts';

/** What a client may need for the rest of its headers once the time is up and the process has read again. */
const graceMs = 1_000;
export const maxHeaders = 256;

export interface OddRequests {
  /** A request has begun on the connection. */
  begin(socket: Duplex, outgoing?: ServerResponse): void;
}

export function answerOddRequests(server: Server, log: Log): OddRequests {
  const begun = new WeakMap<Duplex, { count: number; last: ServerResponse | undefined }>();
  const refuse = (socket: Duplex, error: BooError): void => {
    // After the beginning of a response, whatever is written would be taken for a part of it.
    if (!socket.writable || begun.get(socket)?.last?.headersSent) return void socket.destroy();
    writeRawResponse(socket, secure(problemResponse(error, log)), true).catch(() => socket.destroy());
  };

  server.on('clientError', (error: NodeJS.ErrnoException & { bytesParsed?: number }, socket) => {
    if (error.code === 'ECONNRESET') return void socket.destroy();
    if (error.code !== 'ERR_HTTP_REQUEST_TIMEOUT') return refuse(socket, clientError(error));
    // Node looks at its clock before it reads. After the process was busy for a while, requests that arrived in time are
    // still to be read then, and would get this for an answer.
    const before = begun.get(socket)?.count;
    const timer = setTimeout(() => {
      if (begun.get(socket)?.count !== before) return;
      // A connection that a client opened to have one in reserve.
      if ((socket as Partial<IncomingMessage['socket']>).bytesRead === 0) socket.destroy();
      else refuse(socket, clientError(error));
    }, graceMs);
    timer.unref();
    socket.once('close', () => clearTimeout(timer));
    return undefined;
  });
  server.on('connect', (_incoming, socket) => {
    socket.on('error', () => socket.destroy());
    refuse(
      socket,
      new BooError('method_not_allowed', 'This server is no proxy.', { details: { allow: ['GET', 'HEAD'] } }),
    );
  });
  return {
    begin(socket, outgoing) {
      begun.set(socket, { count: (begun.get(socket)?.count ?? 0) + 1, last: outgoing });
    },
  };
}

/** Why a request is refused before the app sees it. */
export function oddHeaders({ headers, rawHeaders }: IncomingMessage): BooError | undefined {
  if (rawHeaders.length > 2 * maxHeaders) {
    return new BooError('headers_too_large', `A request may have at most ${maxHeaders} headers.`);
  }
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') {
    return new BooError('invalid_request', 'expect: must be 100-continue, if anything.', {
      details: { field: 'expect' },
    });
  }
  return undefined;
}

function clientError({ code }: NodeJS.ErrnoException): BooError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new BooError('request_timeout', 'The headers must arrive within ten seconds.');
    case 'HPE_HEADER_OVERFLOW':
      return new BooError('headers_too_large', 'The request line and the headers must be at most 16 kilobytes.');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new BooError('payload_too_large', 'The extensions of a chunk must be at most 16 kilobytes.');
    default:
      return new BooError('invalid_request', 'This is not a valid HTTP request.');
  }
}
