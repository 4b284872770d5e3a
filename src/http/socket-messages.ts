import type { RawData, WebSocket } from 'ws';
import type { z } from 'zod';
import type { Log } from '../lib/log.ts';
import { createJsonScan } from '../lib/json-scan.ts';
import { BooError, type ErrorCode, toBooError } from '../protocol/error.ts';
import { invalid, parseInput } from './invalid-request.ts';

/** A client with this many errors will not recover. */
const maxErrors = 100;

export interface MessageHandling {
  readonly handle: (data: Buffer, isBinary: boolean) => void;
  readonly sayError: (error: { code: ErrorCode; message: string }) => void;
  log: Log;
}

/**
 * Handles a socket's messages. Errors thrown for a message are sent to the peer, and a hundred of them close the
 * socket.
 */
export function handleMessages(socket: WebSocket, { handle, sayError, log }: MessageHandling): void {
  let errors = 0;
  socket.on('message', (data: RawData, isBinary: boolean) => {
    try {
      handle(data as Buffer, isBinary);
    } catch (thrown) {
      const { code, message } = toBooError(thrown);
      if (code === 'internal') log.error({ err: thrown }, 'A message on a socket failed.');
      errors += 1;
      sayError({ code, message: code === 'internal' ? 'An internal error occurred.' : message });
      if (errors >= maxErrors) socket.close(1008, 'Too many errors.');
    }
  });
  // The message violates the protocol or a limit: the socket closes itself with the matching code.
  socket.on('error', (error) => log.debug({ err: error }, 'A socket failed.'));
}

/** Far more than any of our messages except a paste: all of them are one flat object. */
const usualTextBytes = 64 * 1024;
const bounds = { nodes: 1000, depth: 10 };

/** Throws `invalid_json`, `invalid_request`. */
export function parseMessage<S extends z.ZodType>(schema: S, data: Buffer, maxTextBytes = usualTextBytes): z.output<S> {
  if (data.length > maxTextBytes) invalid('message', `must be at most ${maxTextBytes} bytes of text`);
  if (createJsonScan(bounds)(data) !== undefined) invalid('message', 'must be one flat object');
  let parsed: unknown;
  try {
    parsed = JSON.parse(data.toString());
  } catch (cause) {
    throw new BooError('invalid_json', 'A text message must be JSON.', { cause });
  }
  return parseInput(schema, parsed, 'message');
}
