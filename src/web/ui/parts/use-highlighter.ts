import { startTransition, useEffect, useState } from 'react';
import type rehypeHighlight from 'rehype-highlight';

type Highlighter = typeof rehypeHighlight;
let loaded: Highlighter | undefined;
let loading: Promise<Highlighter> | undefined;

/** When there is nothing more urgent to do: a chat that was just opened takes keys before its code gets colours. */
const whenIdle = (): Promise<void> =>
  new Promise((resolve) => {
    // Not every browser can tell.
    if (typeof requestIdleCallback === 'function') requestIdleCallback(() => resolve(), { timeout: 1000 });
    else setTimeout(resolve, 200);
  });

/** The highlighter of code, which is large: it is loaded when the first code is shown, and until then there is none. */
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
      // Without it code is shown in one colour; the next code asks again.
      () => (loading = undefined),
    );
    return () => void (isGone = true);
  }, [isWanted, highlighter]);
  return highlighter;
}
