/**
 * The last block of a message that still streams grows with every frame, and reading all of it as Markdown again each time
 * takes longer the longer it is. So a long one is read up to a cut that moves in steps, and what came since is put behind
 * as plain text, at the place where it will stand.
 */
import type { Element, ElementContent, Root } from 'hast';

const shortLength = 2_000;
/** Beyond this a reading alone would be felt: the steps are as long as this. */
const longLength = 32_000;
const fenceLine = /^ {0,3}(?:`{3,}|~{3,})/gm;

/** How much of an unfinished block is read as Markdown. Says the same for the same text, and mostly for a longer one. */
export function cutOf(block: string): number {
  const { length } = block;
  if (length <= shortLength) return length;
  const step = length > longLength ? longLength : 2 ** Math.floor(Math.log2(length / 8));
  const stepCut = clearOfPairs(block, length - (length % step));
  if (length > longLength) return stepCut;
  // A line that is whole may be an item or a row. Within a fence it is only one more line.
  const isInFence = (block.match(fenceLine)?.length ?? 0) % 2 === 1;
  const cut = isInFence ? stepCut : Math.max(stepCut, block.lastIndexOf('\n') + 1);
  return block.slice(cut).search(fenceLine) === -1 ? cut : length;
}

/** Not between the two halves of one character. */
const clearOfPairs = (text: string, cut: number): number => (/[\udc00-\udfff]/.test(text.charAt(cut)) ? cut - 1 : cut);

/** The name of the element that stands where the block goes on. */
export const openEnd = 'open-end';

const containers = new Set(['p', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'pre', 'blockquote', 'ul', 'ol', 'li']);
for (const name of ['table', 'thead', 'tbody', 'tr', 'th', 'td']) containers.add(name);
const isContainer = (node: ElementContent | Root['children'][number], within: Root | Element): node is Element =>
  node.type === 'element' &&
  (containers.has(node.tagName) || (node.tagName === 'code' && within.type === 'element' && within.tagName === 'pre'));

/** Puts the place where the block goes on behind its last words. */
export function rehypeOpenEnd() {
  return (root: Root, file: { value: unknown }): void => {
    let place: Root | Element = root;
    for (;;) {
      const last: Root['children'][number] | undefined = place.children.findLast(isSomething);
      if (last === undefined || !isContainer(last, place)) break;
      place = last;
    }
    // A line of code that is not at its end yet is given one.
    const isMidLine = !String(file.value).endsWith('\n');
    if (place.type === 'element' && place.tagName === 'code' && isMidLine) dropLineEnd(place);
    place.children.push({ type: 'element', tagName: openEnd, properties: {}, children: [] });
  };
}

const isSomething = (node: Root['children'][number]): boolean => node.type !== 'text' || node.value.trim() !== '';

function dropLineEnd(code: Element): void {
  let last = code.children.at(-1);
  while (last?.type === 'element') last = last.children.at(-1);
  if (last?.type === 'text' && last.value.endsWith('\n')) last.value = last.value.slice(0, -1);
}
