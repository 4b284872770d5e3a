/**
 * Runs in the page before any of its scripts, and records times there. The benchmark uses `globalThis.bench`.
 *
 * Something counts as painted when a message posted from the frame after its own arrives. So it is a frame late rather
 * than early: by then its own frame has been laid out, painted and handed to the compositor.
 */
export function watchPage() {
  const { port1, port2 } = new MessageChannel();
  let waiting = [];
  port1.onmessage = () => {
    const now = performance.now();
    const ready = waiting;
    waiting = [];
    for (const tell of ready) tell(now);
  };
  const painted = () =>
    new Promise((resolve) => {
      requestAnimationFrame(() => {
        waiting.push(resolve);
        port2.postMessage(null);
      });
    });

  /** Resolves with the time at which the searched element was painted. */
  const paintedWhen = (isThere) =>
    new Promise((resolve) => {
      const look = () => {
        if (!isThere()) return void requestAnimationFrame(look);
        void painted().then(resolve);
      };
      look();
    });
  const isInSight = (element) => {
    const { top, bottom, height } = element.getBoundingClientRect();
    return height > 0 && bottom > 0 && top < innerHeight;
  };

  let clickedAt;
  addEventListener('click', (event) => (clickedAt = event.timeStamp), true);

  /** The gaps between frames, and tasks of 50 ms and more, while it runs. */
  function recordFrames() {
    const gaps = [];
    const longTasks = [];
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) longTasks.push(duration);
    });
    observer.observe({ type: 'longtask' });
    let last;
    let isOver = false;
    const tick = (now) => {
      if (isOver) return;
      if (last !== undefined) gaps.push(now - last);
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    return () => {
      isOver = true;
      observer.disconnect();
      return { gaps, longTasks };
    };
  }

  const lastText = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return node.nodeValue;
    for (let child = node.lastChild; child !== null; child = child.previousSibling) {
      const text = lastText(child);
      if (text.length > 0) return text;
    }
    return '';
  };

  /** The number of the last token in the answer; 0 if there is none. */
  function lastToken() {
    const answers = document.querySelectorAll('.agent-message');
    const answer = answers[answers.length - 1];
    return answer ? Number(/t(\d+)\s*$/.exec(lastText(answer).slice(-20))?.[1] ?? 0) : 0;
  }

  /** When each token was in the document, and when it was painted, by the page's own clock. */
  function recordTokens() {
    const drawn = [];
    let seen = 0;
    let isAsked = false;
    let hasBegun = false;
    const look = () => {
      // Ignore an earlier answer's tokens.
      hasBegun ||= document.querySelector('.agent-message.is-draft') !== null;
      if (!hasBegun) return;
      const token = lastToken();
      if (token <= seen) return;
      drawn.push({ from: seen + 1, to: token, inDocumentAt: performance.now(), paintedAt: 0 });
      seen = token;
      if (isAsked) return;
      isAsked = true;
      const upTo = () => drawn.filter((each) => each.paintedAt === 0);
      const here = [];
      requestAnimationFrame(() => {
        isAsked = false;
        // What arrives within this frame is painted with it, but counts from the next one on.
        here.push(...upTo());
        waiting.push((now) => {
          for (const each of here) each.paintedAt = now;
        });
        port2.postMessage(null);
      });
    };
    const observer = new MutationObserver(look);
    observer.observe(document.body, { subtree: true, childList: true, characterData: true });
    return {
      seen: () => seen,
      end() {
        observer.disconnect();
        return drawn;
      },
    };
  }

  globalThis.bench = {
    clickedAt: () => clickedAt,
    recordFrames,
    recordTokens,
    /** When the last message of a chat and its prompt field have been painted and are visible. */
    chatDrawn: (lastWords) =>
      paintedWhen(() => {
        const field = document.querySelector('textarea.prompt');
        const last = [...document.querySelectorAll('.agent-message')].findLast((each) =>
          each.textContent.includes(lastWords),
        );
        return field !== null && last !== undefined && isInSight(field) && isInSight(last);
      }),
    keyDrawn: (text) => paintedWhen(() => document.querySelector('textarea.prompt')?.value === text),
  };
}
