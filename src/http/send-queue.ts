import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../lib/clock.ts';
import { createPacer } from './pacer.ts';

const roomChars = 64 * 1024;

/** Text messages on their way to a socket. What gathers within a moment is written at once, each as its own message. */
export interface SendQueue {
  put(text: string, urgency: 'urgent' | 'gather'): void;
  /** Little waits: whoever can wait puts nothing while this is false. */
  readonly hasRoom: boolean;
  /** Resolves when there is room, and when the queue is closed. */
  room(): Promise<void>;
  /** True when nothing waits and nothing is on its way. */
  readonly isIdle: boolean;
  close(): void;
}

export interface SendQueueParts {
  socket: WebSocket;
  /** What lies beneath the socket. */
  connection: Duplex;
  clock: Clock;
  /** The peer has taken something. */
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
    // Failing means that the socket closes, which is told there.
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
