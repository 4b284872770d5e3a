import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../lib/clock.ts';
import { createPacer } from './pacer.ts';

const roomChars = 64 * 1024;

/**
 * Queues text messages for a socket. Messages that are queued within a moment are written together, each as its own
 * message.
 */
export interface SendQueue {
  put(text: string, urgency: 'urgent' | 'gather'): void;
  /** The queue has room: senders that can wait add nothing while this is false. */
  readonly hasRoom: boolean;
  /** Resolves when there is room, or the queue is closed. */
  room(): Promise<void>;
  /** True if nothing is queued or being written. */
  readonly isIdle: boolean;
  close(): void;
}

export interface SendQueueParts {
  socket: WebSocket;
  /** The connection below the socket. */
  connection: Duplex;
  clock: Clock;
  /** The peer has accepted data. */
  readonly onTaken: () => void;
}

export function createSendQueue({ socket, connection, clock, onTaken }: SendQueueParts): SendQueue {
  let texts: string[] = [];
  let chars = 0;
  let isSending = false;
  let isClosed = false;
  let waiters: (() => void)[] = [];

  const wake = (): void => {
    const woken = waiters;
    waiters = [];
    for (const each of woken) each();
  };
  const taken = (): void => {
    isSending = false;
    onTaken();
    if (texts.length > 0) pacer.schedule();
    if (chars < roomChars) wake();
  };
  const pacer = createPacer(clock, () => {
    if (isClosed || isSending || texts.length === 0 || socket.readyState !== socket.OPEN) return;
    const leaving = texts;
    texts = [];
    chars = 0;
    isSending = true;
    pacer.left();
    // One write for all of them.
    connection.cork();
    const last = leaving.length - 1;
    // A failure means that the socket closes, which is reported there.
    for (const [index, text] of leaving.entries()) socket.send(text, index === last ? () => taken() : undefined);
    connection.uncork();
    wake();
  });

  return {
    put(text, urgency) {
      if (isClosed) return;
      texts.push(text);
      chars += text.length;
      if (urgency === 'urgent') pacer.urge();
      if (!isSending) pacer.schedule();
    },
    get hasRoom() {
      return isClosed || chars < roomChars;
    },
    room() {
      return isClosed || chars < roomChars ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve));
    },
    get isIdle() {
      return texts.length === 0 && !isSending;
    },
    close() {
      isClosed = true;
      texts = [];
      chars = 0;
      pacer.stop();
      wake();
    },
  };
}
