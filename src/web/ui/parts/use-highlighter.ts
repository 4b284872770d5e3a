import { startTransition, useEffect, useState } from 'react';
import type rehypeHighlight from 'rehype-highlight';

type Highlighter = typeof rehypeHighlight;
let loaded: Highlighter | undefined;
let loading: Promise<Highlighter> | undefined;

/** Waits until the browser is idle: accepting input comes before colouring code. */
const whenIdle = (): Promise<void> =>
  new Promise((resolve) => {
    // Not every browser supports it.
    if (typeof requestIdleCallback === 'function') requestIdleCallback(() => resolve(), { timeout: 1000 });
    else setTimeout(resolve, 200);
  });

/** The code highlighter. It is large, so it is loaded when code is first shown; undefined until then. */
export function useHighlighter(isWanted: boolean): Highlighter | undefined {
  const [highlighter, setHighlighter] = useState(() => loaded);
  useEffect(() => {
    if (!isWanted || highlighter) return;
    let isGone = false;
    loading ??= whenIdle()
      .then(() => import('rehype-highlight'))
      .then((module) => (loaded = module.default));
    loading.then(
      (found) => {
        if (!isGone) startTransition(() => setHighlighter(() => found));
      },
      // Code stays in one colour; the next block tries again.
      () => (loading = undefined),
    );
    return () => void (isGone = true);
  }, [isWanted, highlighter]);
  return highlighter;
}
