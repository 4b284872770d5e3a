/**
 * A chat's terminal over a WebSocket, in a browser or in Node: pass the socket's constructor if there is no global one.
 */
import { unreachable } from './request.ts';
import { BooError } from '../protocol/error.ts';
import { terminalProtocol, ticketPrefix } from '../protocol/terminal-names.ts';
import type {
  TerminalAccess,
  TerminalClientMessage,
  TerminalServerMessage,
  TerminalSize,
} from '../protocol/terminal.ts';

/** The part of a WebSocket used here: that of browsers and Node 22, or the package `ws`. */
export interface TerminalSocket {
  binaryType: string;
  readonly readyState: number;
  send(data: string | Uint8Array): void;
  close(code?: number): void;
  addEventListener(
    type: 'open' | 'close' | 'error' | 'message',
    listener: (event: { data?: unknown; code?: number; reason?: string }) => void,
  ): void;
}
export type TerminalSocketConstructor = new (url: string, protocols: string[]) => TerminalSocket;

export interface TerminalOptions {
  /** `read` watches and cannot type. */
  access?: TerminalAccess | undefined;
  /** The size of the terminal it is shown on; viewers that may write affect the program's size. */
  size?: TerminalSize | undefined;
  /** If there is no global one, as in Node 20. */
  WebSocket?: TerminalSocketConstructor | undefined;
}

export type TerminalItem = TerminalServerMessage | { type: 'output'; data: Uint8Array };

export interface TerminalConnection {
  /**
   * A `screen` first. A frame is acknowledged when the next one is requested, so request the next one after showing it.
   * Ends after `ended` and after `close()`; throws if the connection is lost, and `isUnreachable` tells whether a retry
   * makes sense. One consumer.
   */
  readonly items: AsyncIterable<TerminalItem>;
  /** Keys. Dropped once the connection is gone, and by the server if this viewer may only read. */
  write(data: string | Uint8Array): void;
  /** Pasted text: stays text, whatever it contains. Dropped in the same cases as keys. */
  paste(text: string): void;
  resize(size: TerminalSize): void;
  /** Idempotent. */
  close(): void;
}

const isOpen = 1;
/** Longer input is split: the server refuses messages beyond its limit. */
const pieceBytes = 256 * 1024;
/** A character has at most six bytes in JSON. A longer paste becomes several. */
const pieceCharacters = 512 * 1024;

/** Throws BooError if no connection can be opened. */
export async function openTerminal(
  url: string,
  ticket: string,
  given: TerminalSocketConstructor | undefined,
): Promise<TerminalConnection> {
  const Socket = given ?? (globalThis as { WebSocket?: TerminalSocketConstructor }).WebSocket;
  if (!Socket) throw new BooError('invalid_request', 'There is no WebSocket in this environment: pass one in.');
  const socket = new Socket(url.replace(/^http/, 'ws'), [terminalProtocol, `${ticketPrefix}${ticket}`]);
  socket.binaryType = 'arraybuffer';
  const items = createItems();
  let isClosed = false;
  const opened = new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve());
    // The close that follows reports the outcome.
    socket.addEventListener('error', () => undefined);
    socket.addEventListener('message', ({ data }) => items.push(itemOf(data)));
    socket.addEventListener('close', ({ code, reason }) => {
      const error = lost(url, code ?? 1006, reason ?? '');
      items.end(isClosed || code === 1000 ? undefined : error);
      reject(error);
    });
  });
  await opened;
  const say = (message: TerminalClientMessage): void => {
    if (socket.readyState === isOpen) socket.send(JSON.stringify(message));
  };

  return {
    items: items.taken((item) => {
      const bytes = bytesOf(item);
      if (bytes > 0) say({ type: 'acknowledge', bytes });
    }),
    write(data) {
      const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
      for (let at = 0; at < bytes.length && socket.readyState === isOpen; at += pieceBytes) {
        socket.send(bytes.subarray(at, at + pieceBytes));
      }
    },
    paste(text) {
      for (const piece of piecesOf(text)) say({ type: 'paste', text: piece });
    },
    resize: (size) => say({ type: 'resize', ...size }),
    close() {
      if (isClosed) return;
      isClosed = true;
      items.end(undefined);
      socket.close(1000);
    },
  };
}

/** Never split between the two halves of a character or of a line end. */
function* piecesOf(text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + pieceCharacters, text.length);
    if (end < text.length && /[\r\ud800-\udbff]/.test(text[end - 1] ?? '')) end -= 1;
    yield text.slice(start, end);
    start = end;
  }
}

function itemOf(data: unknown): TerminalItem {
  if (typeof data === 'string') return JSON.parse(data) as TerminalServerMessage;
  return { type: 'output', data: new Uint8Array(data as ArrayBuffer) };
}

function bytesOf(item: TerminalItem): number {
  if (item.type === 'output') return item.data.length;
  return item.type === 'screen' ? new TextEncoder().encode(item.data).length : 0;
}

/** 1008 and 1009 would happen again; everything else may be transient. */
function lost(url: string, code: number, reason: string): BooError {
  if (code !== 1008 && code !== 1009) return unreachable(new URL(url).origin, new Error(`${code} ${reason}`.trim()));
  return new BooError(
    code === 1009 ? 'payload_too_large' : 'invalid_request',
    reason || 'The server ended the terminal.',
  );
}

interface Items {
  push(item: TerminalItem): void;
  /** After what is queued. */
  end(error: BooError | undefined): void;
  taken(shown: (item: TerminalItem) => void): AsyncIterable<TerminalItem>;
}

/** No more is queued here than the server's window: what is not shown is not acknowledged. */
function createItems(): Items {
  const waiting: TerminalItem[] = [];
  let wake = (): void => undefined;
  let end: { error: BooError | undefined } | undefined;
  return {
    push(item) {
      waiting.push(item);
      wake();
    },
    end(error) {
      end ??= { error };
      wake();
    },
    async *taken(shown) {
      for (;;) {
        const item = waiting.shift();
        if (item) {
          yield item;
          shown(item);
          if (item.type === 'ended') return;
        } else if (end) {
          if (end.error) throw end.error;
          return;
        } else {
          await new Promise<void>((resolve) => (wake = resolve));
        }
      }
    },
  };
}
