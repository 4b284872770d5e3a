import { useEffect, useState } from 'react';
import type { Since } from '../../../client/client.ts';
import type { ChatLog } from '../../state/chat-log.ts';
import { type ChangesView, openChangesView } from '../../state/changes-view.ts';
import { useLiveState } from '../parts/use-live-state.ts';
import { useSession } from '../parts/session-context.ts';

const isVisible = (): boolean => document.visibilityState === 'visible';

/** Stays as new as the chat's tool calls and turns, while the page can be seen. */
export function useChangesView(chatId: string, since: Since, log: ChatLog): ChangesView | undefined {
  const session = useSession();
  const [view, setView] = useState<ChangesView>();
  useEffect(() => {
    const onUnauthorized = (): void => session.refuse();
    const opened = openChangesView({ chatId, api: session.api, since, isVisible, onUnauthorized });
    setView(opened);
    document.addEventListener('visibilitychange', opened.noteVisibility);
    return () => {
      document.removeEventListener('visibilitychange', opened.noteVisibility);
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
