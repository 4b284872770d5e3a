/**
 * Server-sent events. A frame's `event` is `resume`, `event` or `delta`; its data is the item as JSON. Only durable
 * events have an id: the cursor to resume from, which begins with their seq.
 */
import type { Reader } from '../chats/chats.ts';
import type { Clock } from '../lib/clock.ts';
import type { FeedItem } from '../protocol/event.ts';
import { createPacer } from './pacer.ts';

const chunkChars = 64 * 1024;
const retryMs = 1000;
const keepAliveFrame = ': keep-alive\n\n';

// Several readers of a chat send the same object, mostly one right after another, so the first one's encoding serves
// all. A WeakMap would serve late readers too, but costs more per delta than encoding it again.
let latestBody: object | undefined;
let latestFrame = '';

export function encodeFrame(item: FeedItem): string {
  if (item.kind === 'resume') {
    const { kind, ...resume } = item;
    return `retry: ${retryMs}\nevent: ${kind}\ndata: ${JSON.stringify(resume)}\n\n`;
  }
  const body = item.kind === 'event' ? item.event : item.delta;
  if (body !== latestBody) {
    const id = item.kind === 'event' ? `id: ${item.cursor ?? item.event.seq}\n` : '';
    latestFrame = `${id}event: ${item.kind}\ndata: ${JSON.stringify(body)}\n\n`;
    latestBody = body;
  }
  return latestFrame;
}

export interface FeedStreamOptions {
  keepAliveMs: number;
  clock: Clock;
  /** The reader failed; the client sees its feed end, and reconnects with its cursor. */
  onError(error: unknown): void;
  /** Called once, when the feed has ended for any reason. */
  onEnd(): void;
}

/**
 * A reader's items as bytes. It reads only while the socket asks for more, at most one item ahead. Queued frames are
 * written as one chunk; a stored event is urgent.
 */
export function feedStream(reader: Reader, options: FeedStreamOptions): ReadableStream<Uint8Array> {
  const iterator = reader.items[Symbol.asyncIterator]();
  let controller: ReadableStreamDefaultController<Uint8Array>;
  let stopKeepAlive: () => void = () => {};
  let text = '';
  let demanded = false;
  let reading = false;
  let over = false;

  const pacer = createPacer(options.clock, () => {
    if (over || !demanded || text === '') return;
    const chunk = Buffer.from(text);
    text = '';
    demanded = false;
    pacer.left();
    controller.enqueue(chunk);
  });
  const armKeepAlive = (): void => {
    stopKeepAlive = options.clock.after(options.keepAliveMs, () => {
      armKeepAlive();
      if (!demanded || text !== '') return;
      demanded = false;
      controller.enqueue(Buffer.from(keepAliveFrame));
    });
  };
  const settle = (): void => {
    over = true;
    stopKeepAlive();
    pacer.stop();
    reader.close();
    options.onEnd();
  };
  const finish = (): void => {
    if (over) return;
    settle();
    if (text !== '') controller.enqueue(Buffer.from(text));
    controller.close();
  };
  const read = (): void => {
    reading = true;
    iterator.next().then(
      (result) => {
        reading = false;
        if (over) return;
        if (result.done === true) return finish();
        text += encodeFrame(result.value);
        if (result.value.kind !== 'delta') pacer.urge();
        if (!demanded) return;
        if (text.length >= chunkChars) return pacer.flush();
        pacer.schedule();
        read();
      },
      (error: unknown) => {
        reading = false;
        if (over) return;
        options.onError(error);
        finish();
      },
    );
  };

  return new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
        armKeepAlive();
      },
      pull() {
        demanded = true;
        if (text !== '') pacer.schedule();
        if (!reading) read();
      },
      cancel() {
        if (!over) settle();
      },
    },
    // Generate nothing before it is requested.
    { highWaterMark: 0 },
  );
}
