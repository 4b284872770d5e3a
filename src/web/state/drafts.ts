/** Unsent text and images by chat. Drafts survive a reload if they fit into storage. */
import type { ContentBlock } from '../../protocol/content.ts';
import { openPersistentMap } from './persistent-map.ts';

export interface Draft {
  text: string;
  images: Extract<ContentBlock, { type: 'image' }>[];
}

export interface Drafts {
  get(chatId: string): Draft;
  /** Returns false if a reload would lose part of the draft. */
  set(chatId: string, draft: Draft): boolean;
  /** Deletes all drafts. */
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
      // This runs on every key press: don't serialize images that cannot fit.
      const imageChars = draft.images.reduce((sum, { data }) => sum + data.length, 0);
      if (imageChars <= maxKeptChars && stored.set(chatId, draft)) return true;
      // Store at least the text.
      if (draft.images.length > 0) stored.set(chatId, { text: draft.text, images: [] });
      return false;
    },
    clear() {
      for (const chatId of drafts.keys()) stored.delete(chatId);
      drafts.clear();
    },
  };
}
