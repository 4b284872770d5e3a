/**
 * Follows a chat across broken connections. The cursor is after the last event yielded: repeated events are dropped, and
 * an event that skips a number is not yielded; the connection is reopened at the cursor.
 */
import type { Chat } from '../protocol/chat.ts';
import type { Wire } from './request.ts';
import { BooError, toBooError } from '../protocol/error.ts';
import type { FeedItem } from '../protocol/event.ts';
import { isMarked, type LogCursor, seqOf } from '../protocol/log-cursor.ts';
import { readFeed } from './feed-stream.ts';
import { createRetryDelay, type RetryRange, wait } from './retry-delay.ts';

export type FeedStatus =
  | { state: 'connecting'; attempt: number }
  | { state: 'connected' }
  | { state: 'waiting'; error: BooError; retryInMs: number };

export interface FollowOptions {
  /**
   * The cursor of the last event already seen, or its seq; 0 starts at the beginning, `head` at the current end. With a
   * cursor it is noticed if the log has been replaced since.
   */
  after?: LogCursor | undefined;
  /** Ends the iteration, even while it waits. */
  signal?: AbortSignal | undefined;
  onStatus?: ((status: FeedStatus) => void) | undefined;
}

export interface FollowLimits {
  backoff: RetryRange;
  /** A connection without data for this long is considered dead. */
  silenceMs: number;
}

export async function* followFeed(
  wire: Wire,
  chatId: string,
  options: FollowOptions,
  limits: FollowLimits,
): AsyncGenerator<FeedItem, void, undefined> {
  const { signal, onStatus } = options;
  const delay = createRetryDelay(limits.backoff);
  let cursor: LogCursor | undefined = options.after === 'head' ? undefined : (options.after ?? 0);

  for (let attempt = 1; !signal?.aborted; attempt += 1) {
    const line = openLine(signal, limits.silenceMs);
    let cause: BooError;
    try {
      onStatus?.({ state: 'connecting', attempt });
      const path = `/v1/chats/${encodeURIComponent(chatId)}`;
      cursor ??= (await wire.request<Chat>(path, { signal: line.signal })).head;
      const body = await wire.openStream(`${path}/events`, { after: cursor }, line.signal);
      for await (const item of readFeed(body, line.touch)) {
        if (signal?.aborted) return;
        if (item.kind === 'resume') {
          if (item.verdict === 'gap') cursor = 0;
          onStatus?.({ state: 'connected' });
        } else {
          if (item.kind === 'event') {
            const last = seqOf(cursor);
            if (item.event.seq <= last) continue;
            if (item.event.seq !== last + 1) throw holeAfter(last, item.event.seq);
            cursor = item.cursor ?? item.event.seq;
          }
          // Only a connection that delivers something counts as a success.
          delay.reset();
          attempt = 0;
        }
        yield item;
      }
      cause = new BooError('internal', 'The server ended the feed.', { details: { reason: 'unreachable' } });
    } catch (error) {
      if (signal?.aborted) return;
      const isOlderServer = cursor !== undefined && isMarked(cursor) && isRefusedCursor(error);
      if (isOlderServer) cursor = seqOf(cursor!);
      else if (isFinal(error)) throw error;
      cause = toBooError(error);
    } finally {
      line.close();
    }
    const retryInMs = delay.next();
    onStatus?.({ state: 'waiting', error: cause, retryInMs });
    await wait(retryInMs, signal);
  }
}

export interface Line {
  readonly signal: AbortSignal;
  /** Something has arrived. */
  readonly touch: () => void;
  close(): void;
}

/** One connection's signal: aborted from outside, by silence, or when the connection is finished. */
export function openLine(outer: AbortSignal | undefined, silenceMs: number): Line {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const arm = () => setTimeout(abort, silenceMs);
  let timer = arm();
  outer?.addEventListener('abort', abort);
  if (outer?.aborted) abort();
  return {
    signal: controller.signal,
    touch: (): void => {
      clearTimeout(timer);
      timer = arm();
    },
    close: (): void => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', abort);
      abort();
    },
  };
}

function holeAfter(cursor: number, seq: number): BooError {
  return new BooError('internal', `The feed skipped from event ${cursor} to event ${seq}.`);
}

/** Only bare seqs are cursors to an older server. */
const isRefusedCursor = (error: unknown): boolean =>
  error instanceof BooError && error.code === 'invalid_request' && error.details['field'] === 'after';

/** Retrying cannot help: the token is wrong, the chat is gone, or the request itself is refused. */
export function isFinal(error: unknown): boolean {
  if (!(error instanceof BooError)) return false;
  const status = error.details['status'];
  if (error.details['final'] === true) return true;
  return typeof status === 'number' && status >= 400 && status < 500 && status !== 408 && status !== 429;
}
