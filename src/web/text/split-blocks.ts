import { markdownCost } from './markdown-cost.ts';

/**
 * Splits Markdown where a block certainly ends: at an empty line outside a fence, before a line that is not indented.
 * While a message streams only its last piece changes, so only that one is parsed again.
 */
export function splitBlocks(text: string): string[] {
  const blocks: string[] = [];
  let start = 0;
  let fence: string | undefined;
  let wasEmpty = false;
  let inList = false;
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf('\n', at);
    const next = end === -1 ? text.length : end + 1;
    const line = text.slice(at, end === -1 ? text.length : end);
    const isEmpty = line.trim() === '';
    const isItem = /^(?:[-*+]|\d{1,9}[.)])(?:\s|$)/.test(line);
    // An item after an empty line still belongs to the list before it.
    const isNew = wasEmpty && !isEmpty && fence === undefined && !/^\s/.test(line) && !(isItem && inList);
    if (isNew && at > start) {
      blocks.push(text.slice(start, at));
      start = at;
      inList = false;
    }
    if (isItem && fence === undefined) inList = true;
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (mark !== undefined) {
      if (fence === undefined) fence = mark;
      else if (mark.startsWith(fence) && line.trim() === mark) fence = undefined;
    }
    wasEmpty = isEmpty;
    at = next;
  }
  if (start < text.length) blocks.push(text.slice(start));
  // Link and footnote definitions apply to the whole text.
  const isOne = blocks.length > 1 && /^ {0,3}\[[^\]\n]{1,999}\]:/m.test(text) && markdownCost(text) < Infinity;
  return isOne ? [text] : blocks;
}
