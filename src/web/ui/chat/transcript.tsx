/**
 * The conversation. While its end is in view it stays there, whatever is added or grows. Once the user scrolls up,
 * nothing moves on screen, and older pages are inserted above.
 */
import { type ReactNode, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { Virtualizer, type VirtualizerHandle } from 'virtua';
import type { ChatLog, Item } from '../../state/chat-log.ts';
import { withDrafts } from '../../state/fold.ts';
import type { ChatView } from '../../state/open-chat.ts';
import { readableLine } from '../../text/readable.ts';
import { brokenItem, ErrorBoundary } from '../parts/error-boundary.tsx';
import { Icon } from '../parts/icon.tsx';
import { ItemView } from './item-view.tsx';

const nearPx = 48;
const loadAheadPx = 1200;

interface TranscriptProps {
  view: ChatView;
  onLoadOlder: () => void;
  drawItem?: (item: Item, log: ChatLog) => ReactNode;
}

export function Transcript({ view, onLoadOlder, drawItem }: TranscriptProps) {
  const { log } = view;
  const items = useMemo(() => withDrafts(log.items, log.drafts, undefined), [log.items, log.drafts]);
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<VirtualizerHandle>(null);
  const isAtEnd = useRef(true);
  const lastOffset = useRef(0);
  const [isAway, setAway] = useState(false);

  // Inserting older pages must not move what is on screen.
  const beforeRef = useRef(log.before);
  const isPrepending = log.before < beforeRef.current;
  useLayoutEffect(() => {
    beforeRef.current = log.before;
  }, [log.before]);

  const toEnd = useCallback(() => {
    const element = scroller.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, []);
  const stay = useCallback(() => {
    if (isAtEnd.current) toEnd();
  }, [toEnd]);
  useLayoutEffect(stay, [items, stay]);
  // The window, the composer or a decision may take up space.
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(stay);
    observer.observe(element);
    return () => observer.disconnect();
  }, [stay]);

  const loadIfNear = useCallback(() => {
    const element = scroller.current;
    if (!element || view.isLoadingOlder || log.before === 0 || view.state === 'loading') return;
    // Don't retry a failed page automatically: that would never end.
    if (view.olderError === undefined && element.scrollTop < loadAheadPx) onLoadOlder();
  }, [view.isLoadingOlder, view.olderError, view.state, log.before, onLoadOlder]);
  useEffect(loadIfNear, [loadIfNear, items]);

  const onScroll = (): void => {
    const element = scroller.current;
    if (!element) return;
    const { scrollTop, scrollHeight, clientHeight } = element;
    const rest = scrollHeight - clientHeight - scrollTop;
    // Growing content also pushes the end out of view; only scrolling up means the user has left it.
    if (rest < nearPx) isAtEnd.current = true;
    else if (scrollTop < lastOffset.current - 2) isAtEnd.current = false;
    lastOffset.current = scrollTop;
    setAway(!isAtEnd.current);
    loadIfNear();
  };

  return (
    <div className="transcript-frame">
      <div
        ref={scroller}
        className="transcript"
        tabIndex={0}
        role="region"
        aria-label="Conversation"
        aria-busy={log.openTurn !== undefined}
        onScroll={onScroll}
      >
        <div className="transcript-top">
          <TopLine view={view} onLoadOlder={onLoadOlder} />
        </div>
        <Virtualizer
          ref={list}
          scrollRef={scroller}
          shift={isPrepending}
          data={items}
          bufferSize={600}
          onResize={stay}
          startMargin={40}
        >
          {(item) => (
            <div key={item.key} className={`row row-${item.kind}`}>
              <ErrorBoundary instead={brokenItem} of={item}>
                {drawItem ? drawItem(item, log) : <ItemView item={item} log={log} />}
              </ErrorBoundary>
            </div>
          )}
        </Virtualizer>
      </div>
      {isAway && (
        <button
          type="button"
          className="to-end"
          onClick={() => {
            isAtEnd.current = true;
            setAway(false);
            toEnd();
          }}
        >
          <Icon name="down" /> Latest
        </button>
      )}
    </div>
  );
}

function TopLine({ view, onLoadOlder }: { view: ChatView; onLoadOlder: () => void }) {
  if (view.state === 'loading') return <p className="quiet">Loading the chat …</p>;
  if (view.isLoadingOlder) return <p className="quiet">Loading older messages …</p>;
  if (view.olderError !== undefined) {
    return (
      <p className="older-problem" role="alert">
        <span className="problem" title={readableLine(view.olderError, 300)}>
          Older messages could not be loaded. {readableLine(view.olderError, 300)}
        </span>
        <button className="plain" onClick={onLoadOlder}>
          Try again
        </button>
      </p>
    );
  }
  if (view.log.before > 0) return null;
  return view.log.items.length === 0 ? null : <p className="quiet">The start of this chat</p>;
}

export const isEmpty = (log: ChatLog): boolean => log.before === 0 && log.items.length === 0 && log.drafts.length === 0;
