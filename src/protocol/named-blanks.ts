import { grouped } from './count-text.ts';
import type { Named } from './named.ts';

const runs = / {3,}| {1,2}(?=\n|$)/g;
const emptyLines = /\n{4,}/g;
/** At the start of a line, this many are normal in code. */
const usualIndent = 40;

/** Spaces that look like the end of a line, or are at one; lines without a character. */
export function namedBlanks(text: string): Named[] {
  const named: Named[] = [];
  for (const { 0: run, index } of text.matchAll(runs)) {
    const end = index + run.length;
    const beginsLine = index === 0 || text[index - 1] === '\n';
    const endsLine = end === text.length || text[end] === '\n';
    if (beginsLine && !endsLine && run.length <= usualIndent) continue;
    named.push({ start: index, end, name: run.length === 1 ? '⟨1 space⟩' : `⟨${grouped(run.length)} spaces⟩` });
  }
  for (const { 0: run, index } of text.matchAll(emptyLines)) {
    const name = `⟨${grouped(run.length - 1)} empty lines⟩`;
    named.push({ start: index + 1, end: index + run.length - 1, name });
  }
  return named;
}
