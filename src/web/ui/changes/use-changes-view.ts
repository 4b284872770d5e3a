import { useEffect, useState } from 'react';
import type { Since } from '../../../client/client.ts';
import type { ChatLog } from '../../state/chat-log.ts';
import { type ChangesView, openChangesView } from '../../state/changes-view.ts';
import { useLiveState } from '../parts/use-live-state.ts';
import { useSession } from '../parts/session-context.ts';

const isVisible = (): boolean => document.visibilityState === 'visible';

/** Stays as new as the chat's tool calls and turns, and as its files, while the page can be seen. */
export function useChangesView(chatId: string, since: Since, log: ChatLog): ChangesView | undefined {
  const session = useSession();
  const [view, setView] = useState<ChangesView>();
  useEffect(() => {
    const opened = openChangesView({
      chatId,
      api: session.api,
      since,
      isVisible,
      onUnauthorized: () => session.refuse(),
    });
    let watching: AbortController | undefined;
    const note = (): void => {
      opened.noteVisibility();
      if (!isVisible()) {
        watching?.abort();
        watching = undefined;
      } else if (!watching) {
        watching = new AbortController();
        void watch(session.api.watchChanges(chatId, { signal: watching.signal }), () => opened.refresh());
      }
    };
    setView(opened);
    note();
    document.addEventListener('visibilitychange', note);
    return () => {
      document.removeEventListener('visibilitychange', note);
      watching?.abort();
      opened.close();
    };
    // `since` of an open view is changed below.
  }, [chatId, session]);
  useEffect(() => view?.compare(since), [view, since]);
  const isOffline = useLiveState() === 'offline';
  useEffect(() => {
    if (!isOffline) view?.refresh();
  }, [view, isOffline, log.results, log.latest.ended]);
  return view;
}

async function watch(news: AsyncIterable<unknown>, onNews: () => void): Promise<void> {
  try {
    for await (const _ of news) onNews();
  } catch {
    // Refused, as without a repository: the list says why.
  }
}
