/**
 * Follows what the server tells about the working tree of a chat, while someone can see it. It ends when it is refused, as
 * without a repository, and begins again with the next list: only then is there something to follow. It also begins again
 * where the chat works elsewhere, because the server goes on to tell about the former place.
 */

export interface WatchedPlace {
  /** The top of the working tree. */
  root: string;
  /** Undefined while none holds the chat. */
  host: string | undefined;
}

export interface ChangesWatch {
  /** It can be seen again, or no longer. */
  noteVisibility(): void;
  /** A list was read, of this place. */
  noteList(place: WatchedPlace): void;
  close(): void;
}

export interface ChangesWatchOptions {
  watch: (signal: AbortSignal) => AsyncIterable<unknown>;
  isVisible: () => boolean;
  onNews: () => void;
}

export function openChangesWatch({ watch, isVisible, onNews }: ChangesWatchOptions): ChangesWatch {
  let place: WatchedPlace | undefined;
  let running: AbortController | undefined;
  let isClosed = false;

  const end = (): void => {
    running?.abort();
    running = undefined;
  };
  async function run(): Promise<void> {
    if (isClosed || running || !isVisible()) return;
    const mine = (running = new AbortController());
    try {
      for await (const _ of watch(mine.signal)) if (!mine.signal.aborted) onNews();
    } catch {
      // Refused: the list says why.
    } finally {
      if (running === mine) running = undefined;
    }
  }

  return {
    noteVisibility() {
      if (isVisible()) void run();
      else end();
    },
    noteList(next) {
      // The first list is of where it began.
      const host = next.host ?? place?.host;
      if (place && (place.root !== next.root || (place.host ?? host) !== host)) end();
      place = { root: next.root, host };
      void run();
    },
    close() {
      isClosed = true;
      end();
    },
  };
}
