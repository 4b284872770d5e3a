import rehypeHighlight from 'rehype-highlight';
import { describe, expect, it } from 'vitest';
import { colouredLines, type Highlight, linePieces } from './line-pieces.ts';

const highlight = rehypeHighlight({ detect: false }) as unknown as Highlight;
const shown = (...args: Parameters<typeof linePieces>): string[] =>
  linePieces(...args).map(
    ({ text, className, isMarked, isNamed }) =>
      `${isNamed ? 'named ' : ''}${isMarked ? 'marked ' : ''}${className === undefined ? '' : `${className} `}${text}`,
  );

describe('WEB-82: a line of code', () => {
  it('has the colours of its place in the file', () => {
    const [first, second] = colouredLines(highlight, 'const a = `x\ny`; // z', 'js');
    expect(shown('const a = `x', first, [])).toEqual(['hljs-keyword const', ' a = ', 'hljs-string `x']);
    expect(shown('y`; // z', second, [])).toEqual(['hljs-string y`', '; ', 'hljs-comment // z']);
  });

  it('has one colour in an unknown language', () => {
    expect(shown('a', colouredLines(highlight, 'a', 'nothing')[0], [])).toEqual(['a']);
  });

  it('has its changed words marked, across colours', () => {
    const [line] = colouredLines(highlight, 'const a', 'js');
    expect(shown('const a', line, [[3, 7]])).toEqual(['hljs-keyword con', 'marked hljs-keyword st', 'marked  a']);
  });

  it('WEB-24: has names for what is not visible as itself, and tabs as they are', () => {
    expect(shown('\tif (a\u202e) \u001b[31m', undefined, [[5, 7]])).toEqual([
      '\tif (',
      'marked a',
      'named marked ⟨U+202E⟩',
      ') ',
      'named ␛',
      '[31m',
    ]);
  });
});
