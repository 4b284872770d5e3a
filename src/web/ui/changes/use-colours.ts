import { useMemo } from 'react';
import type { ShownHunk, ShownLine } from '../../text/diff-rows.ts';
import { type Coloured, colouredLines, type Highlight } from '../../text/line-pieces.ts';
import { languageOf } from '../../text/numbered-lines.ts';
import { useHighlighter } from '../parts/use-highlighter.ts';

export type Colours = ReadonlyMap<ShownLine, readonly Coloured[]>;

const none: Colours = new Map();
/** Colouring more would keep the page busy. */
const maxLength = 100_000;

let made: { from: unknown; highlight: Highlight } | undefined;

/** Syntax colours of a hunk, once the highlighter is loaded. The old lines are coloured with each other, and the new ones. */
export function useColours(hunk: ShownHunk, path: string, isWanted: boolean): Colours {
  const highlighter = useHighlighter(isWanted);
  return useMemo(() => {
    const language = languageOf(path);
    if (!highlighter || !isWanted || language === '') return none;
    if (made?.from !== highlighter)
      made = { from: highlighter, highlight: highlighter({ detect: false }) as unknown as Highlight };
    const { highlight } = made;
    const colours = new Map<ShownLine, readonly Coloured[]>();
    for (const kind of ['removed', 'added'] as const) {
      const lines = hunk.lines.filter((line) => line.kind === kind || line.kind === 'same');
      const text = lines.map((line) => line.text).join('\n');
      if (text.length > maxLength || !lines.some((line) => line.kind === kind)) continue;
      const coloured = colouredLines(highlight, text, language);
      for (const [at, line] of lines.entries()) colours.set(line, coloured[at] ?? []);
    }
    return colours;
  }, [highlighter, hunk, isWanted, path]);
}
