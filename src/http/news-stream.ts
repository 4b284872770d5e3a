/** Server-sent events of which only the latest counts: a slow reader is told what is so by then. */
import type { Clock } from '../lib/clock.ts';

export interface NewsStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly write: (tree: string | null) => void;
  /** From the server's side. */
  readonly end: () => void;
  /** Calls back once, when it has ended for any reason; at once if it has. */
  onEnd(callback: () => void): void;
}

export function newsStream({ keepAliveMs, clock }: { keepAliveMs: number; clock: Clock }): NewsStream {
  let controller: ReadableStreamDefaultController<Uint8Array>;
  let waiting: string | undefined;
  let isWanted = false;
  let isOver = false;
  let whenOver = (): void => {};
  let cancel = (): void => {};

  const send = (text: string): void => {
    if (!isWanted || isOver) return;
    isWanted = false;
    waiting = undefined;
    controller.enqueue(Buffer.from(text));
  };
  const arm = (): void => {
    cancel = clock.after(keepAliveMs, () => {
      send(': keep-alive\n\n');
      arm();
    });
  };
  const settle = (): void => {
    isOver = true;
    cancel();
    whenOver();
  };
  arm();
  return {
    body: new ReadableStream<Uint8Array>(
      {
        start: (given) => {
          controller = given;
        },
        pull: () => {
          isWanted = true;
          if (waiting !== undefined) send(waiting);
        },
        cancel: () => {
          if (!isOver) settle();
        },
      },
      { highWaterMark: 1 },
    ),
    write: (tree) => {
      waiting = `event: changes\ndata: ${JSON.stringify({ tree })}\n\n`;
      send(waiting);
    },
    end: () => {
      if (isOver) return;
      settle();
      if (waiting !== undefined) controller.enqueue(Buffer.from(waiting));
      controller.close();
    },
    onEnd: (callback) => {
      if (isOver) callback();
      else whenOver = callback;
    },
  };
}
