/** A line of code in pieces: its syntax colours, its changed words, and names for what is not visible as itself. */
import type { Element, Root, RootContent } from 'hast';
import { namedUnseen } from '../../protocol/named-unseen.ts';
import type { Range } from './word-marks.ts';

export interface Piece {
  text: string;
  /** The highlighter's classes. */
  className: string | undefined;
  isMarked: boolean;
  isNamed: boolean;
}

/** A part of a line in one colour, up to this character. */
export interface Coloured {
  end: number;
  className: string | undefined;
}

export type Highlight = (tree: Root, file: { message(): void }) => void;

/** The colours of each line of a text. */
export function colouredLines(highlight: Highlight, text: string, language: string): Coloured[][] {
  const code: Element = {
    type: 'element',
    tagName: 'code',
    properties: { className: [`language-${language}`] },
    children: [{ type: 'text', value: text }],
  };
  const pre: Element = { type: 'element', tagName: 'pre', properties: {}, children: [code] };
  // An unknown language is a message, and leaves the text in one colour.
  highlight({ type: 'root', children: [pre] }, { message: () => undefined });
  let line: Coloured[] = [];
  let at = 0;
  const lines = [line];
  const walk = (node: RootContent, className: string | undefined): void => {
    if (node.type === 'text') {
      for (const [index, part] of node.value.split('\n').entries()) {
        if (index > 0) {
          lines.push((line = []));
          at = 0;
        }
        at += part.length;
        if (part !== '') line.push({ end: at, className });
      }
    } else if (node.type === 'element') {
      const names = node.properties['className'];
      const own = Array.isArray(names) ? names.join(' ') : undefined;
      for (const child of node.children) walk(child, own ?? className);
    }
  };
  for (const child of code.children) walk(child, undefined);
  return lines;
}

const plain = /^[\t -~]*$/;

export function linePieces(text: string, colours: readonly Coloured[] | undefined, marks: readonly Range[]): Piece[] {
  const named = plain.test(text)
    ? []
    : namedUnseen(text).filter(({ start, end }) => /[^\t]/.test(text.slice(start, end)));
  const cuts = new Set([text.length]);
  for (const { end } of colours ?? []) cuts.add(Math.min(end, text.length));
  for (const [start, end] of marks) cuts.add(start).add(end);
  for (const { start, end } of named) cuts.add(start).add(end);
  const pieces: Piece[] = [];
  let [at, colour] = [0, 0];
  const isMarked = (place: number): boolean => marks.some(([start, end]) => start <= place && place < end);
  for (const end of [...cuts].toSorted((a, b) => a - b)) {
    if (end <= at) continue;
    while (colours?.[colour] && colours[colour]!.end <= at) colour += 1;
    const name = named.find((each) => each.start <= at && at < each.end);
    const className = colours?.[colour]?.className;
    if (!name) pieces.push({ text: text.slice(at, end), className, isMarked: isMarked(at), isNamed: false });
    else if (name.start === at)
      pieces.push({ text: name.name, className: undefined, isMarked: isMarked(at), isNamed: true });
    at = end;
  }
  return pieces;
}
