/**
 * Which changed files a person has seen, in this browser. A mark is a number made of the file's name and content, so it says
 * nothing about either, and is gone when the content changes.
 */
import type { ChangedFile } from '../../client/client.ts';
import { fileKey } from '../text/tree-rows.ts';
import { createStore, type Store } from './store.ts';

export interface SeenFiles {
  /** A new value whenever a mark changes. */
  readonly store: Store<ReadonlySet<string>>;
  has(file: ChangedFile): boolean;
  mark(file: ChangedFile, isSeen: boolean): void;
}

const prefix = 'boocode.seen.';
const maxMarks = 5_000;
const maxChats = 50;

export function openSeenFiles(storage: Storage, chatId: string): SeenFiles {
  const key = `${prefix}${chatId}`;
  const store = createStore<ReadonlySet<string>>(new Set((storage.getItem(key) ?? '').split(' ').filter(Boolean)));
  return {
    store,
    has: (file) => store.get().has(markOf(file)),
    mark(file, isSeen) {
      const marks = new Set(store.get());
      if (isSeen) marks.add(markOf(file));
      else marks.delete(markOf(file));
      store.set(new Set([...marks].slice(-maxMarks)));
      if (storage.getItem(key) === null) makeRoom(storage);
      try {
        storage.setItem(key, [...store.get()].join(' '));
      } catch {
        // Storage is full: the marks last as long as the page.
      }
    },
  };
}

function makeRoom(storage: Storage): void {
  const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '');
  for (const key of keys.filter((each) => each.startsWith(prefix)).slice(maxChats - 1)) storage.removeItem(key);
}

const markOf = (file: ChangedFile): string => hash(`${fileKey(file)}\n${file.status}\n${file.content ?? ''}`);

/** 53 bits of FNV-1a in two halves. Browsers have no digest on insecure pages. */
function hash(text: string): string {
  let [one, other] = [0x811c9dc5, 0x1b873593];
  for (let at = 0; at < text.length; at += 1) {
    one = Math.imul(one ^ text.charCodeAt(at), 0x01000193);
    other = Math.imul(other ^ text.charCodeAt(at), 0x85ebca6b);
  }
  return ((one >>> 0) * 0x200000 + ((other ^ (other >>> 13)) & 0x1fffff)).toString(36);
}
