/** What is being written and was not sent yet, by chat; kept over a reload as long as it fits. */
import type { ContentBlock } from '../../protocol/content.ts';
import { openPersistentMap } from './persistent-map.ts';

export interface Draft {
  text: string;
  images: Extract<ContentBlock, { type: 'image' }>[];
}

export interface Drafts {
  get(chatId: string): Draft;
  /** False when a reload would lose some of it. */
  set(chatId: string, draft: Draft): boolean;
  /** Forgets all. */
  clear(): void;
}

export const draftPrefix = 'boocode.draft.';
const maxKeptChars = 800_000;

export function createDrafts(storage: Storage): Drafts {
  const stored = openPersistentMap<Draft>(storage, draftPrefix, {
    maxChars: maxKeptChars,
    isValid: ({ text, images }) => typeof text === 'string' && Array.isArray(images),
  });
  const drafts = new Map(stored.entries());
  return {
    get: (chatId) => drafts.get(chatId) ?? { text: '', images: [] },
    set(chatId, draft) {
      if (draft.text === '' && draft.images.length === 0) {
        drafts.delete(chatId);
        stored.delete(chatId);
        return true;
      }
      drafts.set(chatId, draft);
      // Asked for with every key: what cannot fit is not even written down.
      const imageChars = draft.images.reduce((sum, { data }) => sum + data.length, 0);
      if (imageChars <= maxKeptChars && stored.set(chatId, draft)) return true;
      // The words at least.
      if (draft.images.length > 0) stored.set(chatId, { text: draft.text, images: [] });
      return false;
    },
    clear() {
      for (const chatId of drafts.keys()) stored.delete(chatId);
      drafts.clear();
    },
  };
}
