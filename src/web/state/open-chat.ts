/**
 * An open chat. It loads the last page of the log, follows it from there, and loads older pages on request. Everything
 * that arrives within one animation frame is applied at once.
 */
import type { Live, LiveItem } from '../../client/client.ts';
import { toBooError } from '../../protocol/error.ts';
import type { Delta, Event } from '../../protocol/event.ts';
import type { Api } from './api.ts';
import { type ChatLog, emptyLog, LogHole } from './chat-log.ts';
import { append, dropDrafts, prepend, preview, setWaiting } from './fold.ts';
import { isPassing } from './is-passing.ts';
import { createStore, type Store } from './store.ts';

export interface ChatView {
  log: ChatLog;
  /** `loading` until the first page is here, `catching up` until missed events are. */
  state: 'loading' | 'catching up' | 'live' | 'gone' | 'failed';
  error?: string;
  /** The server's log is not the one held before, so it was reloaded. */
  wasReset: boolean;
  isLoadingOlder: boolean;
  /** Why the previous page failed to load. It is retried on request and when the server is back. */
  olderError: string | undefined;
}

export interface OpenChat {
  readonly chatId: string;
  readonly view: Store<ChatView>;
  /** Loads the page before `first`. */
  loadOlder(): Promise<void>;
  retry(): void;
  close(): void;
}

export const pageSize = 300;

type Entry = { kind: 'event'; event: Event } | { kind: 'delta'; delta: Delta };

export interface OpenChatOptions {
  chatId: string;
  api: Pick<Api, 'events' | 'listPrompts'>;
  live: Pick<Live, 'follow'>;
  /** The server rejected the token. */
  onUnauthorized?: () => void;
  /** The log is another one than before, and reaches this far. */
  onReset?: (last: number) => void;
  /** Schedules a callback for the next animation frame. */
  schedule?: (work: () => void) => void;
  /** The delay between attempts to reach the server. */
  retryMs?: number;
}

/** A hidden tab has no animation frames, so a timer stands in. */
function beforeNextFrame(work: () => void): void {
  if (typeof document !== 'undefined' && document.visibilityState === 'visible') requestAnimationFrame(work);
  else setTimeout(work, 100);
}

export function openChat(options: OpenChatOptions): OpenChat {
  const { chatId, api, live, onUnauthorized, onReset, schedule = beforeNextFrame, retryMs = 2_000 } = options;
  const view = createStore<ChatView>({
    log: emptyLog(),
    state: 'loading',
    wasReset: false,
    isLoadingOlder: false,
    olderError: undefined,
  });
  const set = (part: Partial<ChatView>): void => view.update((value) => ({ ...value, ...part }));
  let entries: Entry[] = [];
  let isScheduled = false;
  let stopFollowing: (() => void) | undefined;
  let isClosed = false;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  let head = 0;
  /** The cursor of the oldest event held; null if the server gives none, or there is no event. */
  let start: string | null = null;
  /** Counts reloads: results for an earlier log are discarded. */
  let generation = 0;

  function enter(): void {
    isScheduled = false;
    const batch = entries;
    entries = [];
    if (isClosed || batch.length === 0) return;
    try {
      const log = enterAll(view.get().log, batch);
      set({ log, state: log.last >= head ? 'live' : 'catching up' });
    } catch (error) {
      if (!(error instanceof LogHole)) throw error;
      // Never show events out of order: reload.
      void load(true);
    }
  }

  function take(item: LiveItem): void {
    switch (item.kind) {
      case 'resume':
        // It is a different log: reload from its end.
        if (item.verdict === 'gap') return void load(true);
        // The server sends previews again from their start.
        entries = entries.filter((entry) => entry.kind === 'event');
        head = item.head;
        set({
          log: dropDrafts(view.get().log),
          state: view.get().log.last >= head ? 'live' : 'catching up',
          olderError: undefined,
        });
        return;
      case 'ended':
        return set({ state: 'gone' });
      case 'event':
        entries.push({ kind: 'event', event: item.event });
        break;
      case 'delta':
        entries.push({ kind: 'delta', delta: item.delta });
        break;
    }
    if (isScheduled) return;
    isScheduled = true;
    schedule(enter);
  }

  async function load(wasReset: boolean): Promise<void> {
    const mine = (generation += 1);
    stopFollowing?.();
    clearTimeout(retryTimer);
    entries = [];
    // Retry a failed page in the background.
    const isRetry = view.get().state === 'failed';
    set({ ...(isRetry ? {} : { state: 'loading' }), wasReset, ...(wasReset ? { log: emptyLog() } : {}) });
    try {
      const [page, waiting] = await Promise.all([
        api.events(chatId, { before: Number.MAX_SAFE_INTEGER, limit: pageSize }),
        api.listPrompts(chatId),
      ]);
      if (mine !== generation || isClosed) return;
      const before = (page.items[0]?.seq ?? page.head + 1) - 1;
      const log = setWaiting(append(emptyLog(before), page.items), waiting.items);
      head = log.last;
      start = page.start ?? null;
      set({ log, state: 'live', olderError: undefined });
      if (wasReset) onReset?.(log.last);
      stopFollowing = live.follow(chatId, { after: page.end ?? log.last, onItem: take });
    } catch (error) {
      if (mine !== generation || isClosed) return;
      const problem = toBooError(error);
      const { code, message } = problem;
      if (code === 'unauthorized') onUnauthorized?.();
      set(code === 'not_found' ? { state: 'gone' } : { state: 'failed', error: message });
      if (isPassing(problem)) retryTimer = setTimeout(retry, retryMs);
    }
  }
  const retry = (): void => void load(view.get().wasReset);
  retry();

  return {
    chatId,
    view,
    async loadOlder() {
      const { log, isLoadingOlder } = view.get();
      if (isLoadingOlder || log.before === 0 || isClosed) return;
      const mine = generation;
      set({ isLoadingOlder: true, olderError: undefined });
      try {
        const page = await api.events(chatId, { before: start ?? log.before + 1, limit: pageSize });
        if (mine !== generation) return;
        // Without an event it would be requested over and over.
        if (page.items.length === 0) throw new LogHole(0, log.before + 1);
        set({ log: prepend(view.get().log, page.items) });
        start = page.start ?? null;
      } catch (error) {
        if (mine !== generation || isClosed) return;
        const { code, message } = toBooError(error);
        if (code === 'log_replaced') return void load(true);
        if (code === 'unauthorized') onUnauthorized?.();
        set({ olderError: message });
      } finally {
        set({ isLoadingOlder: false });
      }
    },
    retry,
    close() {
      isClosed = true;
      clearTimeout(retryTimer);
      stopFollowing?.();
    },
  };
}

/** Groups consecutive messages of the same kind. */
function enterAll(before: ChatLog, batch: readonly Entry[]): ChatLog {
  let log = before;
  for (let at = 0; at < batch.length;) {
    const { kind } = batch[at]!;
    let end = at;
    while (batch[end]?.kind === kind) end += 1;
    const run = batch.slice(at, end);
    log =
      kind === 'event'
        ? append(
            log,
            run.flatMap((entry) => (entry.kind === 'event' ? [entry.event] : [])),
          )
        : preview(
            log,
            run.flatMap((entry) => (entry.kind === 'delta' ? [entry.delta] : [])),
          );
    at = end;
  }
  return log;
}
