/**
 * What is told to one socket of all chats. Who is slow gets only the latest of each chat and of each decision, so what
 * waits is bounded by how many there are; beyond the backlog the socket is cut.
 */
import type { Chats, ChatNews } from '../chats/chats.ts';
import type { LiveServerMessage } from '../protocol/live.ts';
import type { SendQueue } from './send-queue.ts';

export interface LiveNewsParts {
  chats: Chats;
  sendQueue: SendQueue;
  backlogBytes: number;
  /** More waits than may. */
  readonly onBehind: () => void;
}

export interface LiveNews {
  /** The warm chats and the pending decisions, then what changes. Rejects where the database fails. */
  start(): Promise<void>;
  close(): void;
}

export function createLiveNews({ chats, sendQueue, backlogBytes, onBehind }: LiveNewsParts): LiveNews {
  /** By what they are about, oldest first. */
  const waiting = new Map<string, string>();
  let chars = 0;
  let isPumping = false;
  let isClosed = false;
  let watch: { close(): void } | undefined;

  function put(about: string, message: LiveServerMessage): void {
    if (isClosed) return;
    const text = JSON.stringify(message);
    chars += text.length - (waiting.get(about)?.length ?? 0);
    waiting.delete(about);
    waiting.set(about, text);
    // One of them, however large, is no arrear.
    if (chars > backlogBytes && waiting.size > 1) return onBehind();
    if (!isPumping) void pump();
  }

  async function pump(): Promise<void> {
    isPumping = true;
    for (;;) {
      while (!sendQueue.hasRoom) await sendQueue.room();
      const [next] = waiting;
      if (!next || isClosed) break;
      const [about, text] = next;
      waiting.delete(about);
      chars -= text.length;
      sendQueue.put(text, 'urgent');
    }
    isPumping = false;
  }

  return {
    async start() {
      const isTold = new Set<string>();
      let isReading = true;
      const started = chats.watch((news) => {
        if (isReading && news.type === 'decision') isTold.add(news.decision.id);
        put(subjectOf(news), news);
      });
      watch?.close();
      watch = started;
      for (const chat of started.warm) put(`chat ${chat.id}`, { type: 'chat', chat });
      try {
        for await (const decision of pendingDecisions(chats)) {
          // Many may be pending, and large: who reads slowly is not behind for that.
          while (!sendQueue.hasRoom) await sendQueue.room();
          if (isClosed) return;
          // What came meanwhile is newer.
          if (!isTold.has(decision.id)) put(`decision ${decision.id}`, { type: 'decision', decision });
        }
      } finally {
        isReading = false;
        isTold.clear();
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

function subjectOf(news: ChatNews): string {
  if (news.type === 'decision') return `decision ${news.decision.id}`;
  return `chat ${news.type === 'chat' ? news.chat.id : news.chatId}`;
}

async function* pendingDecisions(chats: Chats) {
  let after: string | undefined;
  do {
    const page = await chats.listDecisions({ status: 'pending', after, limit: 200 });
    yield* page.items;
    after = page.next ?? undefined;
  } while (after !== undefined);
}
