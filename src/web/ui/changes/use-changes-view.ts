import { useEffect, useRef, useState } from 'react';
import type { Since } from '../../../client/client.ts';
import type { ChatLog } from '../../state/chat-log.ts';
import { type ChangesView, openChangesView } from '../../state/changes-view.ts';
import { openChangesWatch } from '../../state/changes-watch.ts';
import { openWhoChanged, type WhoChanged } from '../../state/who-changed.ts';
import type { Session } from '../../state/session.ts';
import { useLiveState } from '../parts/use-live-state.ts';
import { useSession } from '../parts/session-context.ts';
import { useStore } from '../parts/use-store.ts';

const isVisible = (): boolean => document.visibilityState === 'visible';

export interface OpenedChanges {
  view: ChangesView;
  who: WhoChanged;
}

/** Stays as new as the chat's tool calls and turns, and as its files, while the page can be seen. */
export function useChangesView(
  chatId: string,
  { since, isWithIgnored }: { since: Since; isWithIgnored: boolean },
  log: ChatLog,
): OpenedChanges | undefined {
  const session = useSession();
  const [changes, setChanges] = useState<OpenedChanges>();
  const view = changes?.view;
  const ended = useRef<string>(undefined);
  ended.current = log.latest.ended?.turnId;
  useEffect(() => {
    const watch = openChangesWatch({
      watch: (signal) => session.api.watchChanges(chatId, { signal }),
      isVisible,
      onNews: () => opened.refresh(),
    });
    const shared = { chatId, api: session.api, isVisible, onUnauthorized: () => session.refuse() };
    const who = openWhoChanged(shared);
    const opened = openChangesView({
      ...shared,
      since,
      isWithIgnored,
      onList(list) {
        watch.noteList({ root: list.root, host: hostOf(session, chatId) });
        who.noteList(list, ended.current);
      },
    });
    const note = (): void => {
      opened.noteVisibility();
      watch.noteVisibility();
      who.noteVisibility();
    };
    // The news are followed once the first list is there, which the server would read at the same time otherwise.
    setChanges({ view: opened, who });
    document.addEventListener('visibilitychange', note);
    return () => {
      document.removeEventListener('visibilitychange', note);
      watch.close();
      who.close();
      opened.close();
    };
    // What an open view shows is changed below.
  }, [chatId, session]);
  useEffect(() => view?.compare(since), [view, since]);
  useEffect(() => view?.showIgnored(isWithIgnored), [view, isWithIgnored]);
  const isOffline = useLiveState() === 'offline';
  const chat = useStore(session.chats.store).byId.get(chatId);
  useEffect(() => {
    if (!isOffline) view?.refresh();
  }, [view, isOffline, log.results, log.latest.ended, chat?.cwd, chat?.currentDirectory, chat?.holder?.id]);
  return changes;
}

const hostOf = ({ chats }: Session, chatId: string): string | undefined =>
  chats.store.get().byId.get(chatId)?.holder?.id;
