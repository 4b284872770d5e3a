/** The live feeds that are open on one server, so that closing it can end them. */
export interface OpenFeeds {
  /** Runs `close` when the server closes, or at once if it is closing already. Returns the way to take it back. */
  add(close: () => void): () => void;
  closeAll(): void;
  readonly size: number;
}

export function createOpenFeeds(): OpenFeeds {
  const closers = new Set<() => void>();
  let closed = false;
  return {
    add(close) {
      if (closed) close();
      else closers.add(close);
      return () => closers.delete(close);
    },
    closeAll() {
      closed = true;
      for (const close of closers) close();
      closers.clear();
    },
    get size() {
      return closers.size;
    },
  };
}
