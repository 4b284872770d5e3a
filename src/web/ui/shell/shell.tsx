import { lazy, Suspense, useEffect, useState } from 'react';
import { useStore } from '../parts/use-store.ts';
import { readableLine } from '../../text/readable.ts';
import { ChatList } from '../chats/chat-list.tsx';
import { ChatPage } from '../chat/chat-page.tsx';
import { ConnectionBar } from './connection-bar.tsx';
import { Broken, ErrorBoundary } from '../parts/error-boundary.tsx';
import { Icon, Logo } from '../parts/icon.tsx';
import { Inbox, usePending } from '../decisions/inbox.tsx';
import { NewChat } from '../chats/new-chat.tsx';
import { parseRoute, useHash } from '../parts/route.ts';
import { useSession } from '../parts/session-context.ts';
import { SettingsButton } from './settings-button.tsx';
import { shortcuts, useShortcuts } from './shortcuts.ts';
import { Toasts } from './toasts.tsx';

const AttemptsPage = lazy(() => import('../worktrees/attempts-page.tsx'));
const UsagePage = lazy(() => import('../usage/usage-page.tsx'));
const SchedulesPage = lazy(() => import('../schedules/schedules-page.tsx'));
const PeoplePage = lazy(() => import('../people/people-page.tsx'));
const WorktreesPage = lazy(() => import('../worktrees/worktrees-page.tsx'));

export function Shell() {
  const session = useSession();
  const route = parseRoute(useHash());
  const info = useStore(session.info);
  const pending = usePending();
  const [isMaking, setMaking] = useState(false);
  const chats = useStore(session.chats.store);
  const title = route.name === 'chat' ? chats.byId.get(route.chatId)?.title : undefined;

  useShortcuts([
    { ...shortcuts.search, run: () => goSearch(route.name) },
    { ...shortcuts.create, run: () => setMaking(true) },
    { ...shortcuts.inbox, run: () => (location.hash = '#/inbox') },
  ]);

  useEffect(() => {
    const count = pending.length > 0 ? `(${pending.length}) ` : '';
    document.title = `${count}${title === undefined ? '' : `${readableLine(title, 60)} · `}BooCode`;
  }, [title, pending.length]);
  useEffect(() => () => void (document.title = 'BooCode'), []);

  return (
    <div className={`shell at-${route.name}`}>
      <a className="skip-link" href="#main" onClick={skip}>
        Skip to the chat
      </a>
      <nav className="sidebar" aria-label="Chats">
        <header className="sidebar-head">
          <a className="brand" href="#/">
            <Logo /> BooCode
          </a>
          <a
            className={`icon-button ${route.name === 'inbox' ? 'is-here' : ''}`}
            href="#/inbox"
            aria-label={`Inbox: ${pending.length} waiting for you`}
            title="Inbox"
          >
            <Icon name="inbox" />
            {pending.length > 0 && <span className="badge">{pending.length}</span>}
          </a>
          <SettingsButton />
        </header>
        {info?.demo === true && <p className="demo-note">Demo: a scripted model answers, not a real one.</p>}
        <ChatList onNew={() => setMaking(true)} here={route.name === 'chat' ? route.chatId : undefined} />
      </nav>
      <main id="main" tabIndex={-1}>
        <ConnectionBar />
        {route.name === 'chat' ? (
          <ErrorBoundary key={route.chatId} instead={(error) => <Broken error={error} />}>
            <ChatPage chatId={route.chatId} />
          </ErrorBoundary>
        ) : route.name === 'inbox' ? (
          <Inbox />
        ) : route.name === 'worktrees' ||
          route.name === 'attempts' ||
          route.name === 'usage' ||
          route.name === 'schedules' ||
          route.name === 'people' ? (
          <ErrorBoundary of={route} instead={(error) => <Broken error={error} />}>
            <Suspense fallback={<p className="quiet-page">Loading …</p>}>
              {route.name === 'worktrees' && <WorktreesPage />}
              {route.name === 'usage' && <UsagePage />}
              {route.name === 'schedules' && <SchedulesPage />}
              {route.name === 'people' && <PeoplePage />}
              {route.name === 'attempts' && <AttemptsPage key={route.group} group={route.group} />}
            </Suspense>
          </ErrorBoundary>
        ) : (
          <section className="welcome">
            <Logo />
            <h1>No chat open</h1>
            <p>Choose a chat, or start a new one.</p>
            <button className="primary" onClick={() => setMaking(true)}>
              <Icon name="plus" /> New chat
            </button>
          </section>
        )}
      </main>
      {isMaking && <NewChat onClose={() => setMaking(false)} />}
      <Toasts />
    </div>
  );
}

/** On a narrow screen the chat list is a page of its own. */
function goSearch(routeName: string): void {
  const field = document.querySelector<HTMLElement>('.search input');
  if (routeName !== 'home' && field?.offsetParent === null) {
    location.hash = '#/';
    requestAnimationFrame(() => field.focus());
  } else field?.focus();
}

/** The fragment holds the route, so the link moves focus itself. */
function skip(event: { preventDefault(): void }): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
