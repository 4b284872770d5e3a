/** A chat that is read by a link: all that the link shows, and what follows if it goes on. */
import { isFinal, openLine } from '../../client/follow.ts';
import { readFeed } from '../../client/feed-stream.ts';
import { createWire } from '../../client/request.ts';
import { createRetryDelay, wait } from '../../client/retry-delay.ts';
import { toBooError } from '../../protocol/error.ts';
import type { Event, EventPage } from '../../protocol/event.ts';
import type { SharedChat } from '../../protocol/share-link.ts';
import { type ChatLog, emptyLog } from './chat-log.ts';
import { append, dropDrafts, preview } from './fold.ts';

export interface SharedView {
  log: ChatLog;
  chat: SharedChat | undefined;
  /** `whole`: nothing follows. `over`: the link shows nothing any more, or never did. */
  state: 'loading' | 'live' | 'whole' | 'away' | 'over';
}

const silenceMs = 45_000;

/** The server leaves out what a link does not show; the log that is held has no holes. */
export function appendShown(log: ChatLog, events: readonly Event[]): ChatLog {
  const dense: Event[] = [];
  let { last } = log;
  for (const event of events) {
    for (let seq = last + 1; seq < event.seq; seq += 1)
      dense.push({ ...event, seq, type: 'hidden' } as unknown as Event);
    last = Math.max(last, event.seq);
    dense.push(event);
  }
  return append(log, dense);
}

const hasEnd = ({ chat }: SharedView): boolean => typeof chat?.until === 'number';

/** Calls with each new view until it is closed. */
export function openShared(url: string, secret: string, onView: (view: SharedView) => void): () => void {
  const abort = new AbortController();
  const { signal } = abort;
  let view: SharedView = { log: emptyLog(), chat: undefined, state: 'loading' };
  const show = (change: Partial<SharedView>): void => {
    view = { ...view, ...change };
    if (!signal.aborted) onView(view);
  };

  /** Until nothing follows. Throws when the connection breaks. */
  async function read(line: ReturnType<typeof openLine>, onSuccess: () => void): Promise<void> {
    const wire = createWire({
      url,
      token: secret,
      fetch: (...given) => fetch(...given),
      clientName: 'web',
      timeoutMs: 20_000,
    });
    show({ chat: await wire.request<SharedChat>('/v1/shared', { signal: line.signal }) });
    let after: number | null = view.log.last;
    while (after !== null) {
      const page: Pick<EventPage, 'items' | 'next'> = await wire.request('/v1/shared/events', {
        query: { after, limit: 500 },
        signal: line.signal,
      });
      line.touch();
      show({ log: appendShown(view.log, page.items) });
      after = page.next;
    }
    if (hasEnd(view)) return;
    const body = await wire.openStream('/v1/shared/events', { after: view.log.last }, line.signal);
    for await (const item of readFeed(body, line.touch)) {
      onSuccess();
      if (item.kind === 'event') show({ log: appendShown(view.log, [item.event]) });
      else if (item.kind === 'delta') show({ log: preview(view.log, [item.delta]) });
      else if (item.verdict === 'gap') return show({ log: emptyLog() });
      else show({ state: 'live' });
    }
  }

  async function run(): Promise<void> {
    const delay = createRetryDelay({ minMs: 500, maxMs: 15_000 });
    while (!signal.aborted) {
      const line = openLine(signal, silenceMs);
      try {
        await read(line, () => delay.reset());
        if (hasEnd(view)) return show({ state: 'whole' });
        show({ state: 'away', log: dropDrafts(view.log) });
      } catch (error) {
        const { code } = toBooError(error);
        // A link that has an end of its own leaves nothing on the screen.
        if (code === 'unauthorized' || code === 'config_invalid') {
          return show({ state: 'over', chat: undefined, log: emptyLog() });
        }
        show({ state: 'away', log: dropDrafts(view.log) });
        if (isFinal(error)) await wait(15_000, signal);
      } finally {
        line.close();
      }
      await wait(delay.next(), signal);
    }
  }
  void run();
  return () => abort.abort();
}
