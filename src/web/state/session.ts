/** Everything a signed-in tab holds: the client, the live socket, and the state built from them. */
import { byText } from '../../protocol/by-text.ts';
import type { Chat } from '../../protocol/chat.ts';
import type { AnswerDecision, Decision } from '../../protocol/decision.ts';
import { type BooError, toBooError } from '../../protocol/error.ts';
import type { Live, LiveNews } from '../../client/client.ts';
import type { Info } from '../../protocol/info.ts';
import { exactLine, shownText } from '../../protocol/exact-text.ts';
import { readableLine } from '../text/readable.ts';
import { type Api, createApi } from './api.ts';
import { baseUrl } from './base-url.ts';
import { type Chats, createChats } from './chats.ts';
import { createDecisions, type DecisionsState } from './decisions.ts';
import { createDeletions } from './deletions.ts';
import { createDrafts, type Drafts } from './drafts.ts';
import { type Comments, createComments } from './comments.ts';
import { createDiscards, type Discards } from './discards.ts';
import { type ActiveChat, openActiveChat } from './active-chat.ts';
import { chatChange, type ChatNotice, turnEndNotice } from './chat-change.ts';
import { notificationWish, notify, withdraw, withdrawAll } from './notifications.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { retryUntil } from './retry-until.ts';
import { createStore, type Store } from './store.ts';
import { onWake } from './on-wake.ts';
import { type ServerTrouble, watchTrouble } from './server-trouble.ts';
import { createWarmAhead } from './warm-ahead.ts';

export interface Toast {
  id: number;
  text: string;
  level: 'info' | 'error';
  action?: { label: string; run(): void };
}

export interface Prepared {
  chatId: string;
  text: string;
  /** Only if the field is empty. */
  isSpare?: boolean;
}

export interface Session {
  readonly api: Api;
  readonly live: Live;
  readonly info: Store<Info | undefined>;
  readonly chats: Chats;
  readonly decisions: Store<DecisionsState>;
  readonly toasts: Store<readonly Toast[]>;
  /** The chat open in this tab. It causes no notifications while the tab is visible and focused. */
  readonly activeChatId: ActiveChat['chatId'];
  readonly outbox: Outbox;
  readonly trouble: ServerTrouble['store'];
  readonly drafts: Drafts;
  readonly comments: Comments;
  readonly discards: Discards;
  /** A prompt that another view has prepared, until the chat's prompt field takes it. */
  readonly prepared: Store<Prepared | undefined>;
  /** Call it when a person is likely to write a prompt in the chat. */
  warmAhead(chatId: string): void;
  showToast(text: string, more?: { level?: Toast['level']; action?: Toast['action']; forMs?: number }): () => void;
  /** Shows errors as a toast and resolves with undefined. */
  attempt<T>(work: () => Promise<T>): Promise<T | undefined>;
  /** Resolves with the problem if the answer itself was invalid; the decision is then still open. */
  decide(decision: Decision, answer: AnswerDecision): Promise<BooError | undefined>;
  deleteChat(chat: Chat): void;
  /** Also deletes drafts and unsent prompts, and ends the browser's session on the server unless another tab has done so. */
  signOut(options?: { isElsewhere: boolean }): void;
  /** Signs out because the server rejected the token. */
  refuse(): void;
  close(): void;
}

const undoMs = 7_000;

/** `onSignedOut` gets a reason unless the user signed out on purpose. */
export function openSession(token: string, onSignedOut: (why?: string) => void): Session {
  const api = createApi(baseUrl(), token);
  const chats = createChats(api);
  const info = createStore<Info | undefined>(undefined);
  const decisions = createDecisions({
    onAsked: ({ id, chatId, title }) =>
      sendNotification(id, chatId, { status: 'Waiting for you', body: shownText(exactLine(title, 80)) }),
    onSettled(decision) {
      withdraw(decision.id);
      sayWhoElse(decision);
    },
    onGone: withdraw,
  });
  const toasts = createStore<readonly Toast[]>([]);
  const activeChat = openActiveChat();
  const drafts = createDrafts(sessionStorage);
  const comments = createComments(sessionStorage);
  const discards = createDiscards(sessionStorage);
  const outbox = createOutbox({
    api,
    storage: sessionStorage,
    onUnauthorized: refuse,
    onRefused({ chatId, problem }) {
      if (activeChat.chatId.get() === chatId) return;
      session.showToast(`A prompt was not sent to “${titleOf(chatId)}”. ${problem ?? ''}`, {
        level: 'error',
        action: { label: 'Show', run: () => (location.hash = `#/chat/${chatId}`) },
      });
    },
  });
  const deletions = createDeletions({
    api,
    chats,
    undoMs,
    onFailed: (problem) =>
      problem.code === 'unauthorized' ? refuse() : session.showToast(problem.message, { level: 'error' }),
  });
  const closing = new AbortController();
  /** Requests made because of a connection are retried until the next one. */
  let connection = new AbortController();
  const answeredHere = new Set<string>();
  let toastId = 0;
  /** What is already there when the page loads is not news. */
  let isFirstLook = true;

  const live = api.live();
  const trouble = watchTrouble({
    health: () => api.health(),
    live,
    isVisible: () => document.visibilityState === 'visible',
  });

  const session: Session = {
    api,
    trouble: trouble.store,
    chats,
    info,
    decisions: decisions.store,
    toasts,
    activeChatId: activeChat.chatId,
    outbox,
    drafts,
    comments,
    discards,
    prepared: createStore<Prepared | undefined>(undefined),
    warmAhead: createWarmAhead(api, (chatId) => chats.store.get().byId.get(chatId)),
    live,
    showToast(text, { level = 'info', action, forMs = level === 'error' ? 10_000 : 5_000 } = {}) {
      const id = (toastId += 1);
      const leave = (): void => toasts.update((list) => list.filter((toast) => toast.id !== id));
      toasts.update((list) => [...list.slice(-3), { id, text, level, ...(action ? { action } : {}) }]);
      setTimeout(leave, forMs);
      return leave;
    },
    async attempt(work) {
      try {
        return await work();
      } catch (error) {
        const problem = toBooError(error);
        if (problem.code === 'unauthorized') refuse();
        else session.showToast(problem.message, { level: 'error' });
        return undefined;
      }
    },
    async decide(decision, answer) {
      answeredHere.add(decision.id);
      try {
        decisions.put(await api.decide(decision.id, answer));
      } catch (error) {
        // Then it was settled by someone else, and is reported as such.
        answeredHere.delete(decision.id);
        const problem = toBooError(error);
        if (problem.code === 'invalid_request') return problem;
        if (problem.code === 'unauthorized') {
          refuse();
          return undefined;
        }
        const winner = problem.details['decision'] as Decision | undefined;
        if (problem.code === 'decision_settled' && winner) decisions.put(winner);
        session.showToast(problem.message, { level: 'error' });
      } finally {
        answeredHere.delete(decision.id);
      }
      return undefined;
    },
    deleteChat(chat) {
      const takeBack = deletions.add(chat);
      const leave = session.showToast(`“${readableLine(chat.title, 60)}” will be deleted.`, {
        forMs: undoMs,
        action: {
          label: 'Undo',
          run() {
            takeBack();
            leave();
          },
        },
      });
    },
    signOut({ isElsewhere } = { isElsewhere: false }) {
      // If the server is away, the session stays in its list, and the browser forgets it all the same.
      if (!isElsewhere) void api.signOut().catch(() => undefined);
      outbox.clear();
      drafts.clear();
      comments.clear();
      discards.clear();
      onSignedOut();
    },
    refuse,
    close() {
      deletions.flush();
      closing.abort();
      connection.abort();
      stopWaking();
      outbox.close();
      activeChat.close();
      trouble.close();
      withdrawAll();
      session.live.close();
    },
  };

  session.live.followChats(onNews);
  let isConnected = false;
  session.live.onState((state) => {
    if (state === 'offline' && session.live.error?.code === 'unauthorized') return refuse();
    if (state === 'connecting') {
      connection.abort();
      connection = new AbortController();
      decisions.beginList();
    }
    const wasConnected = isConnected;
    isConnected = state === 'open' || state === 'catching_up';
    if (isConnected && !wasConnected) outbox.hurry();
  });
  const stopWaking = onWake(() => session.live.check());
  addEventListener('pagehide', () => deletions.flush(), { signal: closing.signal });

  function onNews(news: LiveNews): void {
    switch (news.type) {
      case 'chat':
        notifyChange(chats.store.get().byId.get(news.chat.id), news.chat);
        return chats.receive(news.chat);
      case 'chat_deleted':
        decisions.removeChat(news.chatId);
        return chats.remove(news.chatId);
      case 'decision':
        return decisions.put(news.decision);
      case 'chats_followed':
        decisions.endList();
        isFirstLook = false;
        // Anything may have changed while disconnected.
        void retryUntil(readChats, connection);
        void retryUntil(readInfo, connection);
    }
  }

  function refuse(): void {
    if (!closing.signal.aborted) onSignedOut('The server no longer accepts this token. Sign in again.');
  }

  const titleOf = (chatId: string): string => readableLine(chats.store.get().byId.get(chatId)?.title ?? 'A chat', 80);

  /** Reports a decision that another client or tab has answered. Answers given here need no toast. */
  function sayWhoElse({ id, title, by, via, outcome }: Decision): void {
    if (answeredHere.has(id) || by === 'host' || outcome === 'cancelled') return;
    const what = outcome === 'deny' ? 'Denied' : 'Allowed';
    session.showToast(
      `${what} elsewhere by ${readableLine(byText({ by, via }), 100)}: ${shownText(exactLine(title, 80))}`,
    );
  }

  async function readChats(): Promise<boolean> {
    const { byId: before } = chats.store.get();
    if (!(await chats.reload())) return false;
    for (const [id, now] of chats.store.get().byId) notifyChange(before.get(id), now);
    return true;
  }

  /** Reports a failure only once. */
  async function readInfo(attempt: number): Promise<boolean> {
    const found = await (attempt === 0 ? session.attempt(() => api.info()) : api.info().catch(() => undefined));
    if (found) info.set(found);
    return found !== undefined;
  }

  function notifyChange(before: Chat | undefined, now: Chat): void {
    const change = chatChange(before, now);
    if (change?.type === 'notice')
      sendNotification(change.id, now.id, { ...change.notice, body: readableLine(change.notice.body, 200) });
    if (change?.type === 'turn_ended' && notificationWish() === 'on') void notifyTurnEnd(now);
  }

  /** The chat does not say how its last turn ended, so read the log. */
  async function notifyTurnEnd(chat: Chat): Promise<void> {
    const page = await api.events(chat.id, { before: chat.head + 1, limit: 20 }).catch(() => undefined);
    const end = page && turnEndNotice(page.items, chat);
    const { status, body } = end?.notice ?? { status: 'Idle', body: '' };
    sendNotification(end?.turnId ?? `${chat.id} ${chat.head}`, chat.id, { status, body: readableLine(body, 200) });
  }

  function sendNotification(id: string, chatId: string, { status, body }: ChatNotice): void {
    if (isFirstLook) return;
    void notify({ id, chatId, title: `${status}: ${titleOf(chatId)}`, body });
  }

  return session;
}
