import { useEffect, useState } from 'react';
import type { Since } from '../../../client/client.ts';
import type { ChatLog } from '../../state/chat-log.ts';
import { type ChangesView, openChangesView } from '../../state/changes-view.ts';
import { openChangesWatch } from '../../state/changes-watch.ts';
import type { Session } from '../../state/session.ts';
import { useLiveState } from '../parts/use-live-state.ts';
import { useSession } from '../parts/session-context.ts';
import { useStore } from '../parts/use-store.ts';

const isVisible = (): boolean => document.visibilityState === 'visible';

/** Stays as new as the chat's tool calls and turns, and as its files, while the page can be seen. */
export function useChangesView(chatId: string, since: Since, log: ChatLog): ChangesView | undefined {
  const session = useSession();
  const [view, setView] = useState<ChangesView>();
  useEffect(() => {
    const watch = openChangesWatch({
      watch: (signal) => session.api.watchChanges(chatId, { signal }),
      isVisible,
      onNews: () => opened.refresh(),
    });
    const opened = openChangesView({
      chatId,
      api: session.api,
      since,
      isVisible,
      onUnauthorized: () => session.refuse(),
      onList: ({ root }) => watch.noteList({ root, host: hostOf(session, chatId) }),
    });
    const note = (): void => {
      opened.noteVisibility();
      watch.noteVisibility();
    };
    setView(opened);
    note();
    document.addEventListener('visibilitychange', note);
    return () => {
      document.removeEventListener('visibilitychange', note);
      watch.close();
      opened.close();
    };
    // `since` of an open view is changed below.
  }, [chatId, session]);
  useEffect(() => view?.compare(since), [view, since]);
  const isOffline = useLiveState() === 'offline';
  const chat = useStore(session.chats.store).byId.get(chatId);
  useEffect(() => {
    if (!isOffline) view?.refresh();
  }, [view, isOffline, log.results, log.latest.ended, chat?.cwd, chat?.currentDirectory, chat?.holder?.id]);
  return view;
}

const hostOf = ({ chats }: Session, chatId: string): string | undefined =>
  chats.store.get().byId.get(chatId)?.holder?.id;
