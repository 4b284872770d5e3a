/**
 * The last block of a streaming message grows with every frame, and parsing it again each time gets slower and slower. So
 * a long block is parsed only up to a cut that advances in steps, and the rest is appended as plain text in the right
 * place.
 */
import type { Element, ElementContent, Root } from 'hast';

const shortLength = 2_000;
/** A block longer than this takes noticeable time to parse. It is also the length of a step. */
const longLength = 32_000;
const fenceLine = /^ {0,3}(?:`{3,}|~{3,})/gm;

/**
 * How much of an unfinished block to parse. The same text always gives the same cut, and a longer one usually does too.
 */
export function cutOf(block: string): number {
  const { length } = block;
  if (length <= shortLength) return length;
  const step = length > longLength ? longLength : 2 ** Math.floor(Math.log2(length / 8));
  const stepCut = clearOfPairs(block, length - (length % step));
  if (length > longLength) return stepCut;
  // A complete line may be an item or a row; inside a fence it is just another line.
  const isInFence = (block.match(fenceLine)?.length ?? 0) % 2 === 1;
  const cut = isInFence ? stepCut : Math.max(stepCut, block.lastIndexOf('\n') + 1);
  return block.slice(cut).search(fenceLine) === -1 ? cut : length;
}

/** Never between the two halves of a surrogate pair. */
const clearOfPairs = (text: string, cut: number): number => (/[\udc00-\udfff]/.test(text.charAt(cut)) ? cut - 1 : cut);

/** The element that marks where the block continues. */
export const openEnd = 'open-end';

const containers = new Set(['p', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'pre', 'blockquote', 'ul', 'ol', 'li']);
for (const name of ['table', 'thead', 'tbody', 'tr', 'th', 'td']) containers.add(name);
const isContainer = (node: ElementContent | Root['children'][number], within: Root | Element): node is Element =>
  node.type === 'element' &&
  (containers.has(node.tagName) || (node.tagName === 'code' && within.type === 'element' && within.tagName === 'pre'));

/** Inserts the marker after the last text of the block. */
export function rehypeOpenEnd() {
  return (root: Root, file: { value: unknown }): void => {
    let place: Root | Element = root;
    for (;;) {
      const last: Root['children'][number] | undefined = place.children.findLast(isSomething);
      if (last === undefined || !isContainer(last, place)) break;
      place = last;
    }
    // Code gets a newline even where its last line is incomplete.
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
