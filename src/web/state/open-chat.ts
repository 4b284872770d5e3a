/**
 * A chat that is looked at. It opens at its end with one page of the log, follows from there, and takes the pages before
 * as they are asked for. What arrives within one frame of the screen is entered together.
 */
import { isUnreachable, type Live, type LiveItem } from '../../client/client.ts';
import { toBooError } from '../../protocol/error.ts';
import type { Delta, Event } from '../../protocol/event.ts';
import type { Api } from './api.ts';
import { type ChatLog, emptyLog, LogHole } from './chat-log.ts';
import { append, dropDrafts, prepend, preview, setWaiting } from './fold.ts';
import { createStore, type Store } from './store.ts';

export interface ChatView {
  log: ChatLog;
  /** `loading` before the first page, `catching up` until what was missed is here. */
  state: 'loading' | 'catching up' | 'live' | 'gone' | 'failed';
  error?: string;
  /** The log on the server is another one than before: it was read anew. */
  wasReset: boolean;
  isLoadingOlder: boolean;
  /** Why the page before could not be had. It is asked for again when somebody wants it, or the server is back. */
  olderError: string | undefined;
}

export interface OpenChat {
  readonly chatId: string;
  readonly view: Store<ChatView>;
  /** The page before the first that is held. */
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
  /** The server no longer takes the token. */
  onUnauthorized?: () => void;
  /** Calls back before the next frame of the screen. */
  schedule?: (work: () => void) => void;
  /** A server that cannot be reached is asked again after so long. */
  retryMs?: number;
}

/** Before the next frame; in a tab that nobody sees there is none, and a timer does. */
function beforeNextFrame(work: () => void): void {
  if (typeof document !== 'undefined' && document.visibilityState === 'visible') requestAnimationFrame(work);
  else setTimeout(work, 100);
}

export function openChat(options: OpenChatOptions): OpenChat {
  const { chatId, api, live, onUnauthorized, schedule = beforeNextFrame, retryMs = 2_000 } = options;
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
  /** Grows when the log is read anew: what was on its way for the one before is of no use. */
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
      // Nothing is shown out of order: it is read anew.
      void load(true);
    }
  }

  function take(item: LiveItem): void {
    switch (item.kind) {
      case 'resume':
        // The log is another one: it is read anew, from its end.
        if (item.verdict === 'gap') return void load(true);
        // Previews start anew, whatever has come of them.
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
    // One that failed is tried again behind its back.
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
      set({ log, state: 'live', olderError: undefined });
      stopFollowing = live.follow(chatId, { after: log.last, onItem: take });
    } catch (error) {
      if (mine !== generation || isClosed) return;
      const { code, message } = toBooError(error);
      if (code === 'unauthorized') onUnauthorized?.();
      set(code === 'not_found' ? { state: 'gone' } : { state: 'failed', error: message });
      if (isUnreachable(error)) retryTimer = setTimeout(retry, retryMs);
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
        const page = await api.events(chatId, { before: log.before + 1, limit: pageSize });
        if (mine !== generation) return;
        // Without an event it would be asked for again and again.
        if (page.items.length === 0) throw new LogHole(0, log.before + 1);
        set({ log: prepend(view.get().log, page.items) });
      } catch (error) {
        if (mine !== generation || isClosed) return;
        const { code, message } = toBooError(error);
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

/** Runs of the same kind together. */
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
