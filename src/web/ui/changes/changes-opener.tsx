import { lazy, Suspense, useEffect } from 'react';
import type { ChatLog } from '../../state/chat-log.ts';
import type { ChangesCount } from './changes-count.ts';
import { Broken, ErrorBoundary } from '../parts/error-boundary.tsx';
import { Icon } from '../parts/icon.tsx';
import { chatHref } from '../parts/route.ts';
import { shortcuts, shortcutText, useShortcuts } from '../shell/shortcuts.ts';

const ChangesPanel = lazy(() => import('./changes-panel.tsx'));

/** Whether the page before this one is the chat without its changes. */
let isBack = false;

function show(chatId: string, isOpen: boolean): void {
  if (isOpen) location.hash = `${chatHref(chatId)}/changes`;
  else if (isBack) history.back();
  else location.replace(chatHref(chatId));
  isBack = isOpen;
}

export function ChangesButton({ chatId, isOpen, count }: { chatId: string; isOpen: boolean; count: number }) {
  const toggle = (): void => show(chatId, !isOpen);
  useShortcuts([{ ...shortcuts.changes, run: toggle }]);
  const name = isOpen ? 'Close the changes' : 'Open the changes';
  return (
    <button
      className={`icon-button ${isOpen ? 'is-here' : ''}`}
      aria-label={count > 0 ? `${name}: ${count}` : name}
      aria-pressed={isOpen}
      title={`Changes (${shortcutText(shortcuts.changes)})`}
      onClick={toggle}
    >
      <Icon name="changes" />
      {count > 0 && <span className="badge badge-quiet">{count > 999 ? '999+' : count}</span>}
    </button>
  );
}

/** Loaded when it is first opened. */
export function Changes(props: { chatId: string; log: ChatLog; onCount: (count: ChangesCount) => void }) {
  const onClose = (): void => show(props.chatId, false);
  // A link may lead away, and another one to the changes of another chat.
  useEffect(() => () => void (isBack = false), []);
  return (
    <ErrorBoundary
      instead={(error) => (
        <aside className="changes-panel">
          <Broken error={error} onClose={onClose} />
        </aside>
      )}
    >
      <Suspense fallback={<aside className="changes-panel">Loading the changes …</aside>}>
        <ChangesPanel {...props} onClose={onClose} />
      </Suspense>
    </ErrorBoundary>
  );
}
