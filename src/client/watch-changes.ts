import { createParser } from 'eventsource-parser';
import type { ChangesNews } from '../protocol/changes.ts';
import { type FollowLimits, isFinal, openLine } from './follow.ts';
import type { Wire } from './request.ts';
import { createRetryDelay, wait } from './retry-delay.ts';

/** What the server tells, across broken connections. */
export async function* watchChanges(
  wire: Wire,
  path: string,
  { signal, backoff, silenceMs }: FollowLimits & { signal?: AbortSignal | undefined },
): AsyncGenerator<ChangesNews, void, undefined> {
  const delay = createRetryDelay(backoff);
  while (!signal?.aborted) {
    const line = openLine(signal, silenceMs);
    try {
      const body = await wire.openStream(path, {}, line.signal);
      for await (const news of readNews(body, line.touch)) {
        if (signal?.aborted) return;
        delay.reset();
        yield news;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (isFinal(error)) throw error;
    } finally {
      line.close();
    }
    await wait(delay.next(), signal);
  }
}

async function* readNews(body: ReadableStream<Uint8Array>, onBytes: () => void): AsyncGenerator<ChangesNews> {
  let news: ChangesNews[] = [];
  const parser = createParser({
    onEvent: ({ event, data }) => {
      if (event === 'changes') news.push(JSON.parse(data) as ChangesNews);
    },
  });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes();
      parser.feed(decoder.decode(value, { stream: true }));
      const complete = news;
      news = [];
      yield* complete;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
