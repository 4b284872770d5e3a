import { useEffect, useState } from 'react';
import type rehypeHighlight from 'rehype-highlight';

type Highlighter = typeof rehypeHighlight;
let loaded: Highlighter | undefined;
let loading: Promise<Highlighter> | undefined;

/** The highlighter of code, which is large: it is loaded when the first code is shown, and until then there is none. */
export function useHighlighter(isWanted: boolean): Highlighter | undefined {
  const [highlighter, setHighlighter] = useState(() => loaded);
  useEffect(() => {
    if (!isWanted || highlighter) return;
    let isGone = false;
    loading ??= import('rehype-highlight').then((module) => (loaded = module.default));
    loading.then(
      (found) => {
        if (!isGone) setHighlighter(() => found);
      },
      // Without it code is shown in one colour; the next code asks again.
      () => (loading = undefined),
    );
    return () => void (isGone = true);
  }, [isWanted, highlighter]);
  return highlighter;
}
