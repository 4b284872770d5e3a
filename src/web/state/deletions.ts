/** Chats to be deleted after an undo period. If the page goes away first, they are deleted at that moment. */
import type { Chat } from '../../protocol/chat.ts';
import { BooError, toBooError } from '../../protocol/error.ts';
import { readableLine } from '../text/readable.ts';
import type { Api } from './api.ts';
import type { Chats } from './chats.ts';

export interface Deletions {
  /** Returns a function that undoes the deletion. */
  add(chat: Chat): () => void;
  /** Deletes all pending chats now. */
  flush(): void;
}

export interface DeletionsOptions {
  api: Pick<Api, 'deleteChat'>;
  chats: Pick<Chats, 'remove' | 'setLeaving'>;
  undoMs: number;
  readonly onFailed: (problem: BooError) => void;
}

export function createDeletions({ api, chats, undoMs, onFailed }: DeletionsOptions): Deletions {
  const pending = new Map<string, { timer: ReturnType<typeof setTimeout>; runNow: () => void }>();

  async function run(chat: Chat, keepalive: boolean): Promise<void> {
    pending.delete(chat.id);
    try {
      await api.deleteChat(chat.id, { keepalive });
      chats.remove(chat.id);
    } catch (thrown) {
      const { code, message, details } = toBooError(thrown);
      if (code === 'not_found') chats.remove(chat.id);
      else onFailed(new BooError(code, `“${readableLine(chat.title, 60)}” was not deleted. ${message}`, { details }));
    } finally {
      chats.setLeaving(chat.id, false);
    }
  }

  return {
    add(chat) {
      chats.setLeaving(chat.id, true);
      const timer = setTimeout(() => void run(chat, false), undoMs);
      pending.set(chat.id, { timer, runNow: () => void run(chat, true) });
      return () => {
        // Too late to undo: the request is on its way.
        if (!pending.delete(chat.id)) return;
        clearTimeout(timer);
        chats.setLeaving(chat.id, false);
      };
    },
    flush() {
      for (const { timer, runNow } of pending.values()) {
        clearTimeout(timer);
        runNow();
      }
    },
  };
}
