/**
 * Detects dead connections. A socket can be dead silently: the network went away, the machine slept. After `silenceMs`
 * without input the peer is pinged, and if it does not respond within `answerMs` the connection is dead. So a dead one
 * is found within `1.1 * silenceMs + answerMs`, and a frozen page that resumes does not give up a good one.
 *
 * Silence is measured by two clocks: on many machines the monotonic one stops during sleep, and the wall clock may be
 * set back.
 */
export interface Liveness {
  /** Something has arrived. */
  hear(): void;
  /** Pings now. */
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
  // Checked often, because after sleep a machine's timers continue where they stopped.
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
