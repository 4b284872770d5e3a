import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { Delta, Event, FeedItem, Resume } from '../protocol/event.ts';

/** Reads a server-sent event stream piece by piece: the items that each piece completes. Throws if a frame is not JSON. */
export function feedItems(): (piece: Uint8Array) => Generator<FeedItem, void, undefined> {
  let messages: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => messages.push(message) });
  const decoder = new TextDecoder();
  return function* (piece) {
    parser.feed(decoder.decode(piece, { stream: true }));
    const complete = messages;
    messages = [];
    for (const message of complete) {
      const item = toFeedItem(message);
      if (item) yield item;
    }
  };
}

/**
 * The items of a server-sent event stream, until it ends. Throws if the connection breaks or a frame is not JSON.
 * `onBytes` is called for whatever arrives, including comments: it is a sign of life.
 */
export async function* readFeed(
  body: ReadableStream<Uint8Array>,
  onBytes: () => void = () => {},
): AsyncGenerator<FeedItem, void, undefined> {
  const read = feedItems();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes();
      yield* read(value);
    }
  } finally {
    // The stream may have failed already; then there is nothing to cancel.
    await reader.cancel().catch(() => {});
  }
}

/** Frames of an unknown kind are skipped. */
function toFeedItem(message: EventSourceMessage): FeedItem | undefined {
  switch (message.event) {
    case 'resume':
      return { kind: 'resume', ...(JSON.parse(message.data) as Resume) };
    case 'event':
      return { kind: 'event', event: JSON.parse(message.data) as Event, cursor: message.id };
    case 'delta':
      return { kind: 'delta', delta: JSON.parse(message.data) as Delta };
    default:
      return undefined;
  }
}
