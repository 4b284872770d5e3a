/** Everything that one signed-in tab holds: one client, one socket, and what they tell. */
import type { Chat } from '../../protocol/chat.ts';
import type { AnswerDecision, Decision } from '../../protocol/decision.ts';
import { BooError, toBooError } from '../../protocol/error.ts';
import type { Live, LiveNews } from '../../protocol/client.ts';
import type { Info } from '../../protocol/info.ts';
import { readableLine } from '../text/hidden.ts';
import { type Api, createApi } from './api.ts';
import { type Chats, createChats } from './chats.ts';
import { notify } from './notifications.ts';
import { createStore, type Store } from './store.ts';

export interface Toast {
  id: number;
  text: string;
  level: 'info' | 'error';
  action?: { label: string; run(): void };
}

export interface Session {
  readonly api: Api;
  readonly live: Live;
  readonly info: Store<Info | undefined>;
  readonly chats: Chats;
  /** Those that wait, and those that were settled since this tab looks. */
  readonly decisions: Store<ReadonlyMap<string, Decision>>;
  readonly toasts: Store<readonly Toast[]>;
  /** The chat that is in front; what it does needs no notification. */
  readonly front: Store<string | undefined>;
  say(text: string, more?: { level?: Toast['level']; action?: Toast['action']; forMs?: number }): () => void;
  /** Tells what went wrong, and gives undefined then. */
  attempt<T>(work: () => Promise<T>): Promise<T | undefined>;
  /** True when it is settled, by this answer or by another that was first. */
  decide(decision: Decision, answer: AnswerDecision): Promise<boolean>;
  deleteChat(chat: Chat): void;
  signOut(): void;
  close(): void;
}

const undoMs = 7_000;

export function openSession(token: string, onSignedOut: (why?: string) => void): Session {
  const api = createApi(location.origin, token);
  const chats = createChats(api);
  const info = createStore<Info | undefined>(undefined);
  const decisions = createStore<ReadonlyMap<string, Decision>>(new Map());
  const toasts = createStore<readonly Toast[]>([]);
  const front = createStore<string | undefined>(undefined);
  const answeredHere = new Set<string>();
  let toastId = 0;

  const session: Session = {
    api,
    chats,
    info,
    decisions,
    toasts,
    front,
    live: api.live(),
    say(text, { level = 'info', action, forMs = level === 'error' ? 10_000 : 5_000 } = {}) {
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
        else session.say(problem.message, { level: 'error' });
        return undefined;
      }
    },
    async decide(decision, answer) {
      answeredHere.add(decision.id);
      try {
        putDecision(await api.decide(decision.id, answer));
        return true;
      } catch (error) {
        answeredHere.delete(decision.id);
        const problem = toBooError(error);
        const winner = problem.details['decision'] as Decision | undefined;
        if (problem.code === 'decision_settled' && winner) putDecision(winner);
        session.say(problem.message, { level: 'error' });
        return problem.code === 'decision_settled' || problem.code === 'not_found';
      }
    },
    deleteChat(chat) {
      chats.setLeaving(chat.id, true);
      const timer = setTimeout(() => {
        void session
          .attempt(async () => {
            await api.deleteChat(chat.id).catch((error: unknown) => {
              if (!(error instanceof BooError && error.code === 'not_found')) throw error;
            });
            chats.remove(chat.id);
          })
          .finally(() => chats.setLeaving(chat.id, false));
      }, undoMs);
      const leave = session.say(`“${readableLine(chat.title, 60)}” will be deleted.`, {
        forMs: undoMs,
        action: {
          label: 'Undo',
          run() {
            clearTimeout(timer);
            chats.setLeaving(chat.id, false);
            leave();
          },
        },
      });
    },
    signOut: () => onSignedOut(),
    close: () => session.live.close(),
  };

  session.live.followChats(onNews);
  session.live.onState((state) => {
    if (state === 'offline' && session.live.error?.code === 'unauthorized') refuse();
  });

  function onNews(news: LiveNews): void {
    switch (news.type) {
      case 'chat':
        tellChange(chats.store.get().byId.get(news.chat.id), news.chat);
        return chats.put(news.chat);
      case 'chat_deleted':
        return chats.remove(news.chatId);
      case 'decision':
        return putDecision(news.decision);
      case 'chats_followed':
        // After a connection nobody knows what else has changed meanwhile.
        void chats.reload();
        void readDecisions();
        void readInfo();
    }
  }

  function refuse(): void {
    onSignedOut('The server no longer takes this token. Sign in again.');
  }

  function putDecision(decision: Decision): void {
    const before = decisions.get().get(decision.id);
    if (before?.status === 'resolved' || (!before && decision.status === 'resolved')) return;
    decisions.update((map) => new Map(map).set(decision.id, decision));
    const title = readableLine(decision.title, 80);
    if (decision.status === 'pending') {
      if (!before) tell(decision.chatId, 'Waiting for you', title);
    } else if (!answeredHere.has(decision.id) && decision.by !== 'host' && decision.outcome !== 'cancelled') {
      const what = decision.outcome === 'deny' ? 'Denied' : 'Allowed';
      session.say(`${what} elsewhere by ${readableLine(decision.by ?? 'somebody', 60)}: ${title}`);
    }
  }

  async function readDecisions(): Promise<void> {
    const page = await session.attempt(() => api.listDecisions({ status: 'pending', limit: 200 }));
    if (!page) return;
    const pending = new Set(page.items.map(({ id }) => id));
    decisions.update((map) => new Map([...map].filter(([id, { status }]) => status === 'resolved' || pending.has(id))));
    for (const decision of page.items) putDecision(decision);
  }

  async function readInfo(): Promise<void> {
    const found = await session.attempt(() => api.info());
    if (found) info.set(found);
  }

  function tellChange(before: Chat | undefined, now: Chat): void {
    const wasBusy = before?.state === 'running' || before?.state === 'waiting';
    if (wasBusy && (now.state === 'ready' || now.state === 'cold')) tell(now.id, 'Done', '');
    if (wasBusy && now.state === 'failed') tell(now.id, 'Failed', '');
  }

  /** Nobody is told of the chat that is in front of them. */
  function tell(chatId: string, what: string, more: string): void {
    if (front.get() === chatId && document.visibilityState === 'visible' && document.hasFocus()) return;
    const title = readableLine(chats.store.get().byId.get(chatId)?.title ?? 'A chat', 80);
    notify(`${what}: ${title}`, more, () => (location.hash = `#/chat/${chatId}`));
  }

  return session;
}
