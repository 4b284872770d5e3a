/**
 * Looks again and again whether a working tree has changed, while somebody watches, once for all who watch the same one.
 * Files are not watched one by one: on Linux that takes a descriptor for each, and long to set up. A look costs about one
 * `git status`, and the pause after it grows with that.
 */
import type { Clock } from '../../lib/clock.ts';

export interface Viewer {
  readonly chatId: string;
  /** What the working tree is now: null if it cannot be read. */
  readonly look: () => Promise<Glance>;
  readonly onChange: (tree: string | null) => void;
  readonly onEnd: () => void;
}

export interface Glance {
  tree: string | null;
  /** Differs when anything does: the files, what is staged, or the commit. */
  mark: string;
}

interface Watched {
  viewers: Set<Viewer>;
  last: Glance | null;
  cancel: () => void;
}

const leastPauseMs = 1_000;
/** So that looking takes at most an eighth of the time. */
const pausePerLook = 8;
const unreadable: Glance = { tree: null, mark: 'unreadable' };

export class Watches {
  readonly #clock: Clock;
  readonly #watched = new Map<string, Watched>();
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#watched.size;
  }

  /** Tells the viewer at once, and whenever something has changed, until the returned function is called. */
  add(top: string, viewer: Viewer): () => void {
    if (this.#isClosed) {
      viewer.onEnd();
      return () => {};
    }
    let watched = this.#watched.get(top);
    if (!watched) {
      watched = { viewers: new Set(), last: null, cancel: () => {} };
      this.#watched.set(top, watched);
      watched.viewers.add(viewer);
      void this.#look(top, watched);
    } else {
      watched.viewers.add(viewer);
      if (watched.last) viewer.onChange(watched.last.tree);
    }
    return () => this.#remove(top, viewer);
  }

  /** Of all chats, for good. */
  close(): void {
    this.#isClosed = true;
    this.end();
  }

  /** Of one chat, or all. */
  end(chatId?: string): void {
    for (const [top, { viewers }] of this.#watched) {
      for (const viewer of viewers) {
        if (chatId !== undefined && viewer.chatId !== chatId) continue;
        this.#remove(top, viewer);
        viewer.onEnd();
      }
    }
  }

  #remove(top: string, viewer: Viewer): void {
    const watched = this.#watched.get(top);
    if (!watched?.viewers.delete(viewer) || watched.viewers.size > 0) return;
    watched.cancel();
    this.#watched.delete(top);
  }

  async #look(top: string, watched: Watched): Promise<void> {
    const [viewer] = watched.viewers;
    if (!viewer) return;
    const fromMs = this.#clock.monotonicMs();
    const now = await viewer.look().catch(() => unreadable);
    // Everybody may have left meanwhile.
    if (this.#watched.get(top) !== watched) return;
    const hasChanged = watched.last?.mark !== now.mark;
    watched.last = now;
    if (hasChanged) for (const each of watched.viewers) each.onChange(now.tree);
    const tookMs = this.#clock.monotonicMs() - fromMs;
    watched.cancel = this.#clock.after(
      Math.max(leastPauseMs, pausePerLook * tookMs),
      () => void this.#look(top, watched),
    );
  }
}
