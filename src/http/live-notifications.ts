/**
 * Notifications about all chats for one socket. A slow client gets only the latest one of each chat and decision, so
 * the queue is bounded by their number. Beyond the backlog the socket is closed.
 */
import type { Chats, ChatNotification } from '../chats/chats.ts';
import type { LiveServerMessage } from '../protocol/live.ts';
import type { SendQueue } from './send-queue.ts';

export interface LiveNotificationsParts {
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
        put(subject, notification);
      });
      watch?.close();
      watch = started;
      for (const chat of started.warm) put(`chat ${chat.id}`, { type: 'chat', chat });
      try {
        // Of both, notifications received meanwhile are newer.
        for (const chat of await started.warmElsewhere()) {
          if (!isSent.has(`chat ${chat.id}`)) put(`chat ${chat.id}`, { type: 'chat', chat });
        }
        for await (const decision of pendingDecisions(chats)) {
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
      put('followed', { type: 'chats_followed' });
    },
    close() {
      isClosed = true;
      waiting.clear();
      watch?.close();
    },
  };
}

function subjectOf(notification: ChatNotification): string {
  if (notification.type === 'decision') return `decision ${notification.decision.id}`;
  return `chat ${notification.type === 'chat' ? notification.chat.id : notification.chatId}`;
}

async function* pendingDecisions(chats: Chats) {
  let after: string | undefined;
  do {
    const page = await chats.listDecisions({ status: 'pending', after, limit: 200 });
    yield* page.items;
    after = page.next ?? undefined;
  } while (after !== undefined);
}
