import type { RawData, WebSocket } from 'ws';
import type { TerminalFrame, TerminalViewer } from '../chats/chats.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { toBooError } from '../protocol/error.ts';
import { terminalClientMessage, type TerminalServerMessage } from '../protocol/terminal.ts';
import { parseInput } from './invalid-request.ts';
import { BooError } from '../protocol/error.ts';

export interface TerminalSocketOptions {
  /** A peer that is silent for two of these is gone. */
  keepAliveMs: number;
  clock: Clock;
  log: Log;
}

/** A client that is told so often that it is wrong will not learn it. */
const maxErrors = 100;

/** Carries one viewer's terminal over its socket, until either of them ends. */
export function serveTerminal(socket: WebSocket, viewer: TerminalViewer, options: TerminalSocketOptions): void {
  let errors = 0;
  const say = (message: TerminalServerMessage): Promise<void> => send(socket, JSON.stringify(message));

  socket.on('message', (data: RawData, isBinary: boolean) => {
    try {
      if (isBinary) viewer.write(data as Buffer);
      else obey(viewer, (data as Buffer).toString());
    } catch (thrown) {
      const { code, message } = toBooError(thrown);
      if (code === 'internal') options.log.error({ err: thrown }, 'A terminal’s message failed.');
      errors += 1;
      void say({ type: 'error', code, message: code === 'internal' ? 'The server met an error of its own.' : message });
      if (errors >= maxErrors) socket.close(1008, 'Too many errors.');
    }
  });
  // A message that breaks the protocol or a limit: the socket closes itself with the code for it.
  socket.on('error', (error) => options.log.debug({ err: error }, 'A terminal’s socket failed.'));
  const stopPinging = keepAlive(socket, options);
  socket.on('close', () => {
    stopPinging();
    viewer.close();
  });

  void (async () => {
    try {
      for await (const frame of viewer.frames) await show(socket, frame, say);
      socket.close(1000, 'The terminal has ended.');
    } catch (error) {
      options.log.error({ err: error }, 'A terminal broke.');
      socket.close(1011, 'The server met an error of its own.');
    }
  })();
}

/** Resolves when the frame is out of this process: what a peer does not take waits with the viewer, which has a bound. */
function show(socket: WebSocket, frame: TerminalFrame, say: (message: TerminalServerMessage) => Promise<void>) {
  return frame.type === 'output' ? send(socket, frame.data) : say(frame);
}

function send(socket: WebSocket, data: string | Uint8Array): Promise<void> {
  return new Promise((done) => {
    // Failing means that the socket closes, which is told there.
    if (socket.readyState === socket.OPEN) socket.send(data, () => done());
    else done();
  });
}

function obey(viewer: TerminalViewer, text: string): void {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new BooError('invalid_json', 'A text message must be JSON.', { cause });
  }
  const message = parseInput(terminalClientMessage, parsed, 'message');
  if (message.type === 'acknowledge') viewer.acknowledge(message.bytes);
  else viewer.resize({ columns: message.columns, rows: message.rows });
}

/** Asks every `keepAliveMs` for a sign of life, which everything that comes is. */
function keepAlive(socket: WebSocket, { clock, keepAliveMs }: TerminalSocketOptions): () => void {
  let isHeard = true;
  const hear = (): void => void (isHeard = true);
  socket.on('pong', hear);
  socket.on('message', hear);
  const beat = (): void => {
    if (!isHeard) return socket.terminate();
    isHeard = false;
    if (socket.readyState === socket.OPEN) socket.ping();
    stop = clock.after(keepAliveMs, beat);
  };
  let stop = clock.after(keepAliveMs, beat);
  return () => stop();
}
