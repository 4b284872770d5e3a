/**
 * Whether a connection still lives. A socket can be dead without a word: the network went away, the machine slept. Where
 * nothing has come for `silenceMs` the peer is asked for a sign of life, and where none comes within `answerMs` the
 * connection is dead. So a dead one is found within `1.1 * silenceMs + answerMs`, and a frozen page that goes on does not give
 * up a good one.
 *
 * Silence is measured by two clocks: the monotonic one stands still on many machines while they sleep, and the other may be
 * set back.
 */
export interface Liveness {
  /** Something has come. */
  hear(): void;
  /** Asks now. */
  check(): void;
  stop(): void;
}

export interface LivenessParts {
  silenceMs: number;
  answerMs: number;
  readonly ask: () => void;
  readonly onDead: () => void;
}

export function watchLiveness({ silenceMs, answerMs, ask, onDead }: LivenessParts): Liveness {
  let heard = readClocks();
  let answerTimer: ReturnType<typeof setTimeout> | undefined;

  function check(): void {
    if (answerTimer !== undefined) return;
    answerTimer = setTimeout(onDead, answerMs);
    ask();
  }
  // Looked at often, for the timers of a machine that wakes go on where they stood.
  const watch = setInterval(() => {
    const now = readClocks();
    if (Math.max(now.monotonicMs - heard.monotonicMs, now.wallMs - heard.wallMs) >= silenceMs) check();
  }, silenceMs / 10);

  return {
    hear() {
      heard = readClocks();
      clearTimeout(answerTimer);
      answerTimer = undefined;
    },
    check,
    stop() {
      clearInterval(watch);
      clearTimeout(answerTimer);
    },
  };
}

function readClocks(): { monotonicMs: number; wallMs: number } {
  return { monotonicMs: performance.now(), wallMs: Date.now() };
}
