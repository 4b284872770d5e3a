import { useEffect, useMemo, useRef, useState } from 'react';
import type { Chat } from '../../../protocol/chat.ts';
import { sorted } from '../../state/chats.ts';
import { useStore } from '../parts/use-store.ts';
import { Icon } from '../parts/icon.tsx';
import { useSession } from '../parts/session-context.ts';
import { VirtualChats } from './virtual-chats.tsx';

const mostFound = 100;

interface Found {
  ids: ReadonlySet<string>;
  hasMore: boolean;
}

/** The search results, newest first; undefined if nothing is being searched for. */
function useSearch(
  words: string,
  archived: boolean,
): { found: Found | undefined; isBusy: boolean; hasFailed: boolean } {
  const session = useSession();
  const [found, setFound] = useState<Found>();
  const [isBusy, setBusy] = useState(false);
  const [hasFailed, setFailed] = useState(false);
  const q = words.trim();
  useEffect(() => {
    setFound(undefined);
    if (q === '' && !archived) return;
    // Let the server stop a search nobody is waiting for.
    const line = new AbortController();
    setBusy(true);
    const timer = setTimeout(
      () => {
        void session
          .attempt(() =>
            session.chats
              .find(
                { limit: mostFound, ...(q === '' ? {} : { q }), ...(archived ? { archived } : {}) },
                { signal: line.signal },
              )
              .catch((error: unknown) => {
                if (!line.signal.aborted) throw error;
              }),
          )
          .then((page) => {
            if (line.signal.aborted) return;
            if (page) setFound({ ids: new Set(page.items.map(({ id }) => id)), hasMore: page.next !== null });
            setFailed(!page);
            setBusy(false);
          });
      },
      q === '' ? 0 : 200,
    );
    return () => {
      line.abort();
      clearTimeout(timer);
      setBusy(false);
      setFailed(false);
    };
  }, [q, archived, session]);
  return { found, isBusy, hasFailed };
}

export function ChatList({ onNew, here }: { onNew: () => void; here: string | undefined }) {
  const session = useSession();
  const state = useStore(session.chats.store);
  const [words, setWords] = useState('');
  const [archived, setArchived] = useState(false);
  const { found, isBusy, hasFailed } = useSearch(words, archived);
  const isSearching = words.trim() !== '';
  const shown = useMemo(() => {
    const fits = (chat: Chat): boolean => {
      if (state.leaving.has(chat.id)) return false;
      if (isSearching) return found?.ids.has(chat.id) === true && (!archived || chat.archived);
      return chat.archived === archived;
    };
    return sorted([...state.byId.values()].filter(fits));
  }, [state, found, isSearching, archived]);
  const scroller = useRef<HTMLDivElement>(null);
  const list = `${archived ? 'archived' : 'chats'} ${isSearching ? 'found' : 'all'}`;
  const hasMore = isSearching || archived ? found?.hasMore === true : state.next !== null;
  const label = archived ? 'Archived chats' : 'Chats';
  const size = hasMore ? -1 : shown.length;
  const facts = useMemo(() => ({ label, size }), [label, size]);

  return (
    <>
      <div className="list-tools">
        <div className="search">
          <Icon name="search" />
          <input
            type="search"
            aria-label="Search chats by title and content"
            placeholder="Search"
            value={words}
            onChange={(event) => setWords(event.target.value)}
          />
        </div>
        <button className="primary" onClick={onNew}>
          <Icon name="plus" /> New chat
        </button>
      </div>
      <div className="list-scroll" aria-busy={isBusy} ref={scroller}>
        {state.error !== undefined && !state.isLoaded && <p className="problem">{state.error}</p>}
        {!state.isLoaded && state.error === undefined && <p className="quiet">Loading chats …</p>}
        <VirtualChats name={list} chats={shown} here={here} facts={facts} scroller={scroller} />
        {state.isLoaded && shown.length === 0 && !isBusy && (
          <p className="quiet">
            {hasFailed
              ? 'The search did not finish.'
              : isSearching
                ? 'No results.'
                : archived
                  ? 'No archived chats.'
                  : 'No chats yet.'}
          </p>
        )}
        {found?.hasMore === true && (
          <p className="quiet">There are more than {mostFound}: search for more of their words to find the others.</p>
        )}
        {!isSearching && !archived && state.next !== null && (
          <button className="plain wide" onClick={() => void session.attempt(() => session.chats.loadMore())}>
            Show older chats
          </button>
        )}
        <label className="archived-switch">
          <input type="checkbox" checked={archived} onChange={(event) => setArchived(event.target.checked)} /> Archived
        </label>
      </div>
    </>
  );
}
