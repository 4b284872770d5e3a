import { createParser } from 'eventsource-parser';

export interface Frame {
  event: string | undefined;
  /** The cursor after an event. */
  id: string | undefined;
  /** NaN without an id. */
  seq: number;
  data: Record<string, unknown>;
}

export interface RawFeed {
  readonly contentType: string | null;
  /** The next frame as on the wire; null at the feed's end. */
  next(): Promise<Frame | null>;
  /** Frames up to and including the first match; fails if the feed ends before. */
  readUntil(fits: (frame: Frame) => boolean): Promise<Frame[]>;
  close(): void;
}

/** A live feed without the typed client in between. */
export async function openRawFeed(
  { url, token }: { url: string; token: string },
  path: string,
  headers: Record<string, string> = {},
): Promise<RawFeed> {
  const abort = new AbortController();
  const response = await fetch(url + path, {
    headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', ...headers },
    signal: AbortSignal.any([abort.signal, AbortSignal.timeout(30_000)]),
  });
  if (!response.ok || !response.body) throw new Error(`The feed was refused with ${response.status}.`);
  const frames: Frame[] = [];
  const parser = createParser({
    onEvent: ({ event, id, data }) =>
      frames.push({ event, id, seq: Number.parseInt(id ?? '', 10), data: JSON.parse(data) as Record<string, unknown> }),
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();

  async function next(): Promise<Frame | null> {
    for (;;) {
      const frame = frames.shift();
      if (frame) return frame;
      const { done, value } = await reader.read();
      if (done) return null;
      parser.feed(value);
    }
  }

  return {
    contentType: response.headers.get('content-type'),
    next,
    async readUntil(fits) {
      const read: Frame[] = [];
      for (;;) {
        const frame = await next();
        if (!frame) throw new Error(`The feed ended after ${read.length} frames.`);
        read.push(frame);
        if (fits(frame)) return read;
      }
    },
    close: () => abort.abort(),
  };
}

/** Matches the frame of an event of this type. */
export function isEvent(type: string): (frame: Frame) => boolean {
  return (frame) => frame.event === 'event' && frame.data['type'] === type;
}
