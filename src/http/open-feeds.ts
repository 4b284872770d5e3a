/** The open live feeds of one server, so that closing it can end them. */
export interface OpenFeeds {
  /**
   * Runs `close` when the server closes, or immediately if it is closing already. Returns a function to unregister it.
   */
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
