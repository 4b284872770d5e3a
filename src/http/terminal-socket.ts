import type { WebSocket } from 'ws';
import type { TerminalFrame, TerminalViewer } from '../chats/chats.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { terminalClientMessage, type TerminalServerMessage } from '../protocol/terminal.ts';
import { maxMessageBytes } from '../protocol/terminal-names.ts';
import { keepAlive } from './keep-alive.ts';
import { handleMessages, parseMessage } from './socket-messages.ts';

export interface TerminalSocketOptions {
  /** A peer that is silent for two of these is disconnected. */
  keepAliveMs: number;
  clock: Clock;
  log: Log;
  /** Called once, when the viewer first sends keys or pastes. */
  onTyping?: () => void;
}

/** Connects one viewer to the terminal over a socket, until either of them ends. */
export function serveTerminal(socket: WebSocket, viewer: TerminalViewer, options: TerminalSocketOptions): void {
  const say = (message: TerminalServerMessage): Promise<void> => send(socket, JSON.stringify(message));

  let onTyping = options.onTyping;
  const typing = (): void => {
    onTyping?.();
    onTyping = undefined;
  };
  handleMessages(socket, {
    handle(data, isBinary) {
      if (isBinary) {
        typing();
        viewer.write(data);
      } else obey(viewer, data, typing);
    },
    sayError: (error) => void say({ type: 'error', ...error }),
    log: options.log,
  });
  const alive = keepAlive(socket, options);
  socket.on('close', () => {
    alive.stop();
    viewer.close();
  });

  void (async () => {
    try {
      for await (const frame of viewer.frames) await show(socket, frame, say);
      socket.close(1000, 'The terminal has ended.');
    } catch (error) {
      options.log.error({ err: error }, 'A terminal broke.');
      socket.close(1011, 'An internal error occurred.');
    }
  })();
}

/**
 * Resolves when the frame has left this process: what a peer does not accept stays queued at the viewer, whose queue is
 * bounded.
 */
function show(socket: WebSocket, frame: TerminalFrame, say: (message: TerminalServerMessage) => Promise<void>) {
  return frame.type === 'output' ? send(socket, frame.data) : say(frame);
}

function send(socket: WebSocket, data: string | Uint8Array): Promise<void> {
  return new Promise((done) => {
    // A failure means that the socket closes, which is reported there.
    if (socket.readyState === socket.OPEN) socket.send(data, () => done());
    else done();
  });
}

function obey(viewer: TerminalViewer, data: Buffer, typing: () => void): void {
  const message = parseMessage(terminalClientMessage, data, maxMessageBytes);
  if (message.type === 'acknowledge') viewer.acknowledge(message.bytes);
  else if (message.type === 'paste') {
    typing();
    viewer.paste(message.text);
  } else viewer.resize({ columns: message.columns, rows: message.rows });
}
