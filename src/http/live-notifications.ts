/**
 * Notifications about all chats for one socket. A slow client gets only the latest one of each chat and decision, so
 * the queue is bounded by their number. Beyond the backlog the socket is closed.
 */
import type { Chats, ChatNotification } from '../chats/chats.ts';
import type { LiveServerMessage } from '../protocol/live.ts';
import type { LiveViewer } from './live-viewer.ts';
import type { SendQueue } from './send-queue.ts';

export interface LiveNotificationsParts {
  viewer?: LiveViewer | undefined;
  chats: Chats;
  sendQueue: SendQueue;
  backlogBytes: number;
  /** Called when more waits than the backlog allows. */
  readonly onBehind: () => void;
}

export interface LiveNotifications {
  /** Sends the warm chats of all hosts and the pending decisions, then every change. Rejects if the database fails. */
  start(): Promise<void>;
  close(): void;
}

export function createLiveNotifications({
  chats,
  viewer,
  sendQueue,
  backlogBytes,
  onBehind,
}: LiveNotificationsParts): LiveNotifications {
  /** By subject, oldest first. */
  const waiting = new Map<string, string>();
  let chars = 0;
  let isFlushing = false;
  let isClosed = false;
  let watch: { close(): void } | undefined;
  /** What has yet to be found visible, the latest of each subject. */
  const unchecked = new Map<string, ChatNotification>();
  /** Chats that the viewer may know of: only of these it learns that they are gone. */
  const shown = new Set<string>();
  let checking: Promise<void> | undefined;
  let unobserve = (): void => {};

  /** Only what the viewer may see. */
  function tell(about: string, message: ChatNotification): void {
    if (!viewer) return put(about, message);
    unchecked.delete(about);
    unchecked.set(about, message);
    // Without an answer of the database nothing is left out: the client comes back, and reads everything.
    checking ??= check(viewer)
      .catch(onBehind)
      .finally(() => (checking = undefined));
  }

  async function check(by: LiveViewer): Promise<void> {
    while (unchecked.size > 0 && !isClosed) {
      const batch = [...unchecked];
      unchecked.clear();
      const visible = await by.onlyVisible([...new Set(batch.map(([, message]) => chatOf(message)))]);
      for (const [about, message] of batch) {
        const chatId = chatOf(message);
        if (visible.has(chatId)) {
          if (message.type === 'chat') shown.add(chatId);
          put(about, message);
        } else leave(chatId);
      }
    }
  }

  /** It is deleted, or might as well be. */
  function leave(chatId: string): void {
    if (shown.delete(chatId)) put(`chat ${chatId}`, { type: 'chat_deleted', chatId });
  }

  /** The chat is shared differently. */
  async function review(by: LiveViewer, chatId: string): Promise<void> {
    if (!(await by.onlyVisible([chatId])).has(chatId)) leave(chatId);
    else if (!shown.has(chatId)) tell(`chat ${chatId}`, { type: 'chat', chat: await chats.getChat(chatId) });
  }

  function put(about: string, message: LiveServerMessage): void {
    if (isClosed) return;
    const text = JSON.stringify(message);
    chars += text.length - (waiting.get(about)?.length ?? 0);
    waiting.delete(about);
    waiting.set(about, text);
    // A single oversized message is always accepted.
    if (chars > backlogBytes && waiting.size > 1) return onBehind();
    if (!isFlushing) void flush();
  }

  async function flush(): Promise<void> {
    isFlushing = true;
    for (;;) {
      while (!sendQueue.hasRoom) await sendQueue.room();
      const [next] = waiting;
      if (!next || isClosed) break;
      const [about, text] = next;
      waiting.delete(about);
      chars -= text.length;
      sendQueue.put(text, 'urgent');
    }
    isFlushing = false;
  }

  return {
    async start() {
      const isSent = new Set<string>();
      let isReading = true;
      const started = chats.watch((notification) => {
        const subject = subjectOf(notification);
        if (isReading) isSent.add(subject);
        tell(subject, notification);
      });
      watch?.close();
      watch = started;
      if (viewer) {
        unobserve();
        unobserve = viewer.observe((chatId) => void review(viewer, chatId).catch(onBehind));
        for (const chatId of await viewer.onlyVisible()) shown.add(chatId);
      }
      for (const chat of started.warm) tell(`chat ${chat.id}`, { type: 'chat', chat });
      try {
        // Of both, notifications received meanwhile are newer.
        for (const chat of await started.warmElsewhere()) {
          if (!isSent.has(`chat ${chat.id}`)) tell(`chat ${chat.id}`, { type: 'chat', chat });
        }
        for await (const decision of pendingDecisions(chats, viewer?.person)) {
          // There may be many pending decisions, and large ones: a slow reader does not fall behind because of them.
          while (!sendQueue.hasRoom) await sendQueue.room();
          if (isClosed) return;
          const subject = `decision ${decision.id}`;
          if (!isSent.has(subject)) put(subject, { type: 'decision', decision });
        }
      } finally {
        isReading = false;
        isSent.clear();
      }
      await checking;
      put('followed', { type: 'chats_followed' });
    },
    close() {
      isClosed = true;
      waiting.clear();
      unobserve();
      watch?.close();
    },
  };
}

function chatOf(notification: ChatNotification): string {
  if (notification.type === 'chat') return notification.chat.id;
  return notification.type === 'decision' ? notification.decision.chatId : notification.chatId;
}

function subjectOf(notification: ChatNotification): string {
  if (notification.type === 'decision') return `decision ${notification.decision.id}`;
  return `chat ${notification.type === 'chat' ? notification.chat.id : notification.chatId}`;
}

async function* pendingDecisions(chats: Chats, visibleTo: string | undefined) {
  let after: string | undefined;
  do {
    const page = await chats.listDecisions({ status: 'pending', visibleTo, after, limit: 200 });
    yield* page.items;
    after = page.next ?? undefined;
  } while (after !== undefined);
}
