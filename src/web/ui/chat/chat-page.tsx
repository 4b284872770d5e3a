import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { Chat } from '../../../protocol/chat.ts';
import { worksIn } from '../../../protocol/works-in.ts';
import { engineText } from '../../../protocol/engine-text.ts';
import { type OpenChat, openChat } from '../../state/open-chat.ts';
import type { ChatLog, Item } from '../../state/chat-log.ts';
import { asCold, isTooLong, knownPlan, knownUsage } from '../../state/fold.ts';
import { largeContextTokens } from '../../../protocol/large-context.ts';
import { useStore } from '../parts/use-store.ts';
import { readableLine } from '../../text/readable.ts';
import { ChatMenu, StateMark } from '../chats/chat-row.tsx';
import { Announcer } from './announcer.tsx';
import type { ChangesCount } from '../changes/changes-count.ts';
import { Changes, ChangesButton } from '../changes/changes-opener.tsx';
import { chatHref, parseRoute, useHash } from '../parts/route.ts';
import { ChatSettings } from './chat-settings.tsx';
import { Composer } from '../composer/composer.tsx';
import { useLiveState } from '../parts/use-live-state.ts';
import { CwdContext, InRepositoryContext } from './cwd-context.ts';
import { DecisionCard } from '../decisions/decision-card.tsx';
import { isDirectoryMissing, MissingDirectory } from './missing-directory.tsx';
import { Broken, ErrorBoundary } from '../parts/error-boundary.tsx';
import { Icon } from '../parts/icon.tsx';
import { LateDialog } from '../parts/late-dialog.tsx';
import { usePending } from '../decisions/inbox.tsx';
import { ContextBar, PlanStrip, Spent, TaskStrip } from './progress.tsx';
import { HeldQueue } from './held-queue.tsx';
import { Queue, useOutgoing } from './queue.tsx';
import { useSession } from '../parts/session-context.ts';
import { Forks } from './forks.tsx';
import { Rewinds } from './rewinds.tsx';
import { isEmpty, Transcript } from './transcript.tsx';
import { WaitLine } from './wait-line.tsx';
import { useKeptFocus } from '../parts/use-kept-focus.ts';
import { isInRepository } from '../parts/fork-chat.ts';
import { promptFocusTarget } from '../parts/focus-prompt.ts';
import { shortPath } from '../parts/format.ts';

const Aside = lazy(() => import('./aside.tsx'));
const WakeLine = lazy(() => import('../limits/wake-line.tsx'));
const ScheduleMark = lazy(() => import('../schedules/schedule-mark.tsx'));
const SchedulesDialog = lazy(() => import('../schedules/schedules-dialog.tsx'));
const TerminalPanel = lazy(() => import('./terminal-panel.tsx'));

/** The chat from the list, or fetched if the list does not hold it. */
function useChat(chatId: string): Chat | undefined {
  const session = useSession();
  const chat = useStore(session.chats.store).byId.get(chatId);
  const isOffline = useLiveState() === 'offline';
  useEffect(() => {
    if (chat || isOffline) return;
    // A deleted chat has its own page.
    session.api.getChat(chatId).then(
      (found) => session.chats.put(found),
      () => undefined,
    );
  }, [chatId, chat === undefined, isOffline, session]);
  return chat;
}

/** The agent's working directory, if it has left the chat's. */
function WorksIn({ chat }: { chat: Chat }) {
  const there = worksIn(chat);
  if (there === null) return null;
  return (
    <span className="page-dir" title={readableLine(chat.currentDirectory, 1000)}>
      works in <bdi>{readableLine(there.startsWith('/') ? shortPath(there) : there, 80)}</bdi>
    </span>
  );
}

/** The host that runs the chat, if it is not the server that this page came from. */
function RunsOn({ chat }: { chat: Chat }) {
  const info = useStore(useSession().info);
  if (!info || !chat.holder || chat.holder.id === info.hostId) return null;
  return (
    <span className="page-dir">
      on <bdi>{readableLine(chat.holder.name, 60)}</bdi>
    </span>
  );
}

function useOpenChat(chatId: string): OpenChat | undefined {
  const session = useSession();
  const [opened, setOpened] = useState<OpenChat>();
  useEffect(() => {
    const open = openChat({
      chatId,
      api: session.api,
      live: session.live,
      onUnauthorized: () => session.refuse(),
      onReset: (last) => session.outbox.noteReset(chatId, last),
    });
    setOpened(open);
    session.activeChatId.set(chatId);
    return () => {
      open.close();
      if (session.activeChatId.get() === chatId) session.activeChatId.set(undefined);
    };
  }, [chatId, session]);
  return opened;
}

export function ChatPage({ chatId }: { chatId: string }) {
  const chat = useChat(chatId);
  const open = useOpenChat(chatId);
  if (!open || open.chatId !== chatId) return null;
  return <OpenedChat key={chatId} chat={chat} open={open} />;
}

function OpenedChat({ chat, open }: { chat: Chat | undefined; open: OpenChat }) {
  const session = useSession();
  const { chatId } = open;
  const view = useStore(open.view);
  const info = useStore(session.info);
  const pending = usePending(chatId);
  const among = pending.map(({ id }) => id).join();
  const route = parseRoute(useHash());
  const showsChanges = route.name === 'chat' && route.showsChanges;
  const [counted, setCounted] = useState<ChangesCount>();
  const [showsTerminal, setTerminalOpen] = useState(false);
  const isTerminalOpen = showsTerminal && !showsChanges;
  const [isChanging, setChanging] = useState(false);
  const [isScheduling, setScheduling] = useState(false);
  const [aside, setAside] = useState<{ question: string }>();
  const dock = useRef<HTMLDivElement>(null);
  useKeptFocus(dock, promptFocusTarget);
  const onLoadOlder = useCallback(() => void open.loadOlder(), [open]);
  const isCold = chat?.state === 'cold';
  const shown = useMemo(() => (isCold ? { ...view, log: asCold(view.log) } : view), [isCold, view]);
  const { log } = shown;
  const isSending = useOutgoing(chatId, shown).some(({ state }) => state === 'sending' || state === 'stored');

  if (view.state === 'gone') {
    return (
      <section className="welcome">
        <h1>Chat not found</h1>
        <p>It was deleted, or it never existed.</p>
        <Queue chatId={chatId} view={shown} />
        <a href="#/">Back to chats</a>
      </section>
    );
  }
  if (view.state === 'failed') {
    return (
      <section className="welcome">
        <h1>This chat could not be loaded</h1>
        <p>{view.error}</p>
        <Queue chatId={chatId} view={shown} />
        <button onClick={() => open.retry()}>Try again</button>
      </section>
    );
  }

  const isBusy = log.openTurn !== undefined || chat?.state === 'running' || chat?.state === 'waiting';
  const isMissing = chat?.hold?.reason === 'directory' || isDirectoryMissing(log);
  const ofAgent = info?.backends.filter(({ agent }) => agent === chat?.agent) ?? [];
  const hasTerminal = ofAgent.some(({ name, capabilities }) => name === chat?.backend && capabilities.terminal);
  const withTerminal = ofAgent.find(({ capabilities }) => capabilities.terminal);
  const terminalHint = withTerminal
    ? `Only the ${engineText(withTerminal.name, ofAgent)} has a terminal`
    : 'No engine here has a terminal';
  const interrupt = async (): Promise<void> => {
    const result = await session.attempt(() => session.api.interrupt(chatId));
    if (result && !result.interrupted) session.showToast('Nothing is running.');
  };

  const takeBack = async (): Promise<void> => {
    await session.attempt(() => session.api.rewind(chatId));
  };

  return (
    <div className={`chat-page ${isTerminalOpen ? 'with-terminal' : showsChanges ? 'with-changes' : ''}`}>
      <section className="chat-column" aria-label="Chat">
        <header className="page-head">
          <a className="icon-button back" href="#/" aria-label="Back to chats">
            <Icon name="back" />
          </a>
          <div className="page-title">
            <h1 dir="auto">{readableLine(chat?.title ?? '…', 200)}</h1>
            {chat && (
              <p className="page-facts">
                <StateMark chat={chat} />
                <span className="page-dir" title={readableLine(chat.cwd, 1000)}>
                  <bdi>{readableLine(shortPath(chat.cwd), 80)}</bdi>
                </span>
                {chat.worktree && (
                  <span
                    className="page-dir page-branch"
                    title={`Its own branch, made from ${readableLine(chat.worktree.base ?? chat.worktree.baseCommit, 100)}`}
                  >
                    branch <bdi>{readableLine(chat.worktree.branch, 80)}</bdi>
                  </span>
                )}
                <WorksIn chat={chat} />
                <RunsOn chat={chat} />
                <Spent chat={chat} />
                <ContextBar usage={knownUsage(log)} />
                <Suspense>
                  <ScheduleMark chatId={chatId} news={scheduleNews(log)} onOpen={() => setScheduling(true)} />
                </Suspense>
              </p>
            )}
          </div>
          {chat && (
            <>
              <ChangesButton
                chatId={chatId}
                isOpen={showsChanges}
                count={counted && (showsChanges || counted.of === log.results) ? counted.count : 0}
              />
              <button
                className={`icon-button ${isTerminalOpen ? 'is-here' : ''}`}
                aria-label={isTerminalOpen ? 'Close the terminal' : 'Open the terminal'}
                aria-pressed={isTerminalOpen}
                title={hasTerminal ? 'Terminal' : terminalHint}
                onClick={() => {
                  if (showsChanges) location.replace(chatHref(chatId));
                  if (hasTerminal || isTerminalOpen) return setTerminalOpen(!isTerminalOpen);
                  session.showToast(`This chat has no terminal. ${terminalHint}.`);
                  setChanging(true);
                }}
              >
                <Icon name="terminal" />
              </button>
              <button
                className="icon-button"
                aria-label="Model, engine and trust"
                title="Model, engine and trust"
                onClick={() => setChanging(true)}
              >
                <Icon name="gear" />
              </button>
              <ChatMenu chat={chat} label="More for this chat" />
            </>
          )}
        </header>
        {view.wasReset && (
          <p className="notice notice-warning" role="status">
            The server’s log has changed, as after a restore: its history was replaced, so the chat was reloaded.
          </p>
        )}
        {view.state === 'catching up' && (
          <p className="catching-up" role="status">
            Catching up …
          </p>
        )}
        {isEmpty(log) && view.state === 'live' ? (
          <EmptyChat isWaiting={log.waiting.length > 0 || isSending} />
        ) : (
          <CwdContext value={chat?.cwd ?? ''}>
            <InRepositoryContext value={chat !== undefined && isInRepository(chat)}>
              <Rewinds chatId={chatId} isBusy={isBusy}>
                <Forks>
                  <Transcript view={shown} onLoadOlder={onLoadOlder} />
                </Forks>
              </Rewinds>
            </InRepositoryContext>
          </CwdContext>
        )}
        <div className="dock" ref={dock}>
          {isMissing && <MissingDirectory onMove={() => setChanging(true)} />}
          {isTooLong(log) && <TooLong isBusy={isBusy} onTakeBack={takeBack} />}
          <PlanStrip plan={knownPlan(log)} />
          {/* Between turns the line below says it, with the time. */}
          {chat?.waitsFor?.for !== 'background' && <TaskStrip tasks={log.latest.tasks} />}
          {chat && <WaitLine waitsFor={chat.waitsFor?.for === 'person' && pending.length > 0 ? null : chat.waitsFor} />}
          {aside && (
            <Suspense>
              <Aside
                chatId={chatId}
                aside={aside}
                onAgain={() => setAside({ ...aside })}
                onClose={() => setAside(undefined)}
              />
            </Suspense>
          )}
          {chat && !isBusy && (knownUsage(log)?.used ?? 0) >= largeContextTokens && (
            <Suspense>
              <WakeLine chat={chat} />
            </Suspense>
          )}
          {chat?.hold && <HeldQueue chat={chat} hold={chat.hold} />}
          <Queue chatId={chatId} view={shown} />
          {/* Last of everything that appears by itself, so that nothing moves a card under the pointer. */}
          {pending.length > 0 && (
            <div className="dock-cards">
              {pending.map((decision) => (
                <DecisionCard key={decision.id} decision={decision} among={among} />
              ))}
            </div>
          )}
          {chat && (
            <Composer
              chat={chat}
              latest={log.latest}
              isBusy={isBusy}
              onSend={(content) => session.outbox.send(chatId, content)}
              onAside={(question) => setAside({ question })}
              onInterrupt={() => void interrupt()}
              onSettings={() => setChanging(true)}
            />
          )}
        </div>
        <Announcer openTurn={log.openTurn} waiting={pending} />
      </section>
      {isTerminalOpen && (
        <ErrorBoundary
          instead={(error) => (
            <aside className="terminal-panel">
              <Broken error={error} onClose={() => setTerminalOpen(false)} />
            </aside>
          )}
        >
          <Suspense fallback={<aside className="terminal-panel">Loading the terminal …</aside>}>
            <TerminalPanel chatId={chatId} onClose={() => setTerminalOpen(false)} />
          </Suspense>
        </ErrorBoundary>
      )}
      {showsChanges && <Changes chatId={chatId} log={log} onCount={setCounted} />}
      {isScheduling && (
        <LateDialog onClose={() => setScheduling(false)}>
          <SchedulesDialog chatId={chatId} onClose={() => setScheduling(false)} />
        </LateDialog>
      )}
      {isChanging && chat && (
        <ChatSettings
          chat={chat}
          running={log.latest.session?.model}
          isBusy={isBusy}
          isMissing={isMissing}
          onClose={() => setChanging(false)}
        />
      )}
    </div>
  );
}

/** The newest thing that the log says of schedules; it is looked for among the last things only. */
function scheduleNews({ items }: ChatLog): string {
  const isNews = (item: Item): boolean =>
    item.kind === 'notice' && (item.code === 'schedule' || item.code === 'scheduled');
  return items.slice(-20).findLast(isNews)?.key ?? '';
}

/** The way forward for a chat that can no longer answer. */
function TooLong({ isBusy, onTakeBack }: { isBusy: boolean; onTakeBack: () => Promise<void> }) {
  const [isWaiting, setWaiting] = useState(false);
  return (
    <section className="too-long" aria-label="Too long for the model">
      <p>
        The last prompt is too long for the model. Rewind it to let the agent continue from before it: the conversation
        stays here to read, and files stay as they are.
      </p>
      <button
        className="primary"
        disabled={isBusy || isWaiting}
        onClick={() => {
          setWaiting(true);
          void onTakeBack().finally(() => setWaiting(false));
        }}
      >
        {isWaiting ? 'Rewinding …' : 'Rewind'}
      </button>
    </section>
  );
}

/** Shown until the first turn starts. Queued prompts are listed below. */
function EmptyChat({ isWaiting }: { isWaiting: boolean }) {
  return (
    <div className="transcript-frame">
      <div className="empty-chat">
        <p role="status">{isWaiting ? 'The agent is starting …' : 'No messages yet.'}</p>
      </div>
    </div>
  );
}
