/**
 * The rows of the chat list, of which only those near the visible part are in the document, however many chats there are.
 * Each says its place and how many there are, since a screen reader cannot count them. The row that had the focus last
 * stays with its neighbours, so that neither the focus nor its menu or dialog is lost, and Tab goes on from there. The row of
 * the open chat stays too.
 */
import { createContext, type FocusEvent, useContext, useLayoutEffect, useMemo, useRef, useState } from 'react';
import {
  type CustomContainerComponentProps,
  type CustomItemComponentProps,
  Virtualizer,
  type VirtualizerHandle,
} from 'virtua';
import type { Chat } from '../../../protocol/chat.ts';
import { ChatRow } from './chat-row.tsx';

interface ListFacts {
  label: string;
  /** -1 if there are more than are loaded. */
  size: number;
}

const ListContext = createContext<ListFacts>({ label: '', size: 0 });

function List({ children, style, ref }: CustomContainerComponentProps) {
  const { label } = useContext(ListContext);
  return (
    <ul ref={ref} className="chat-list" aria-label={label} style={style}>
      {children}
    </ul>
  );
}

function Place({ children, style, index, ref }: CustomItemComponentProps) {
  const { size } = useContext(ListContext);
  // Until a row is measured it must not be seen. Nor must it be hidden, because Tab would skip it.
  const { visibility, ...shown } = style;
  const isMeasured = visibility !== 'hidden';
  return (
    <li ref={ref} style={isMeasured ? shown : { ...shown, opacity: 0 }} aria-posinset={index + 1} aria-setsize={size}>
      {children}
    </li>
  );
}

/** The first row that is visible, and how much of it is not. */
interface Anchor {
  id: string;
  index: number;
  beyondPx: number;
}

export function VirtualChats({
  name,
  chats,
  here,
  facts,
  scroller,
}: {
  /** Of the list: another one begins at its start, or where it was left. */
  name: string;
  chats: readonly Chat[];
  here: string | undefined;
  facts: ListFacts;
  scroller: React.RefObject<HTMLDivElement | null>;
}) {
  const list = useRef<VirtualizerHandle>(null);
  const [focused, setFocused] = useState<string>();
  const kept = useMemo(
    () =>
      chats.flatMap(({ id }, index) => {
        if (id === focused) return [index - 1, index, index + 1].filter((each) => chats[each]);
        return id === here ? [index] : [];
      }),
    [chats, here, focused],
  );

  // A chat that moves to the top must not move what is on screen, and a search must not lose the place in the list.
  const anchor = useRef<Anchor>(undefined);
  const places = useRef(new Map<string, Anchor | undefined>());
  const shownName = useRef(name);
  const note = (): void => {
    const handle = list.current;
    const index = handle?.findItemIndex(handle.scrollOffset) ?? 0;
    const chat = chats[index];
    const isScrolled = handle && chat && handle.scrollOffset > 0;
    anchor.current = isScrolled
      ? { id: chat.id, index, beyondPx: handle.scrollOffset - handle.getItemOffset(index) }
      : undefined;
  };
  useLayoutEffect(() => {
    const isOther = shownName.current !== name;
    if (isOther) {
      places.current.set(shownName.current, anchor.current);
      shownName.current = name;
      anchor.current = places.current.get(name);
      if (!anchor.current) list.current?.scrollTo(0);
    }
    const was = anchor.current;
    if (!was || (!isOther && chats[was.index]?.id === was.id)) return;
    const index = chats.findIndex(({ id }) => id === was.id);
    if (index === -1) return;
    anchor.current = { ...was, index };
    list.current?.scrollToIndex(index, { align: 'start', offset: was.beyondPx });
  }, [chats, name]);

  const noteFocus = (event: FocusEvent<HTMLElement>): void => {
    const place = event.target.closest('[aria-posinset]')?.getAttribute('aria-posinset');
    const chat = chats[Number(place) - 1];
    if (chat) setFocused(chat.id);
  };

  return (
    <ListContext value={facts}>
      <div onFocus={noteFocus}>
        <Virtualizer
          ref={list}
          scrollRef={scroller}
          data={chats}
          as={List}
          item={Place}
          keepMounted={kept}
          onScroll={note}
        >
          {(chat) => <ChatRow key={chat.id} chat={chat} isHere={chat.id === here} />}
        </Virtualizer>
      </div>
    </ListContext>
  );
}
