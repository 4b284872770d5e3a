import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { Markdown } from '../ui/parts/markdown.tsx';
import { cutOf } from './open-end.ts';

const words = (count: number): string => Array.from({ length: count }, (_, index) => `w${index + 1}`).join(' ');
const lines = (count: number, start = ''): string =>
  Array.from({ length: count }, (_, index) => `${start}line ${index + 1}`).join('\n');
const drawn = (text: string): string => renderToStaticMarkup(createElement(Markdown, { text, isDraft: true }));
const open = '<span class="open-end">';

describe('WEB-22: the end of a streaming message', () => {
  it.each([
    { name: 'a paragraph', text: words(2000) },
    { name: 'a list', text: lines(400, '- ') },
    { name: 'a fence', text: `\`\`\`ts\n${lines(400)}` },
    { name: 'a quotation', text: lines(400, '> ') },
    { name: 'a table', text: `| a |\n|---|\n${lines(400, '| ')}` },
    { name: 'faces', text: `x${'🙂'.repeat(3000)}` },
  ])('is shown to its last character in $name, once and in the right place', ({ text }) => {
    const spoken = (html: string): string => html.replaceAll(/<button.*?<\/button>|<[^>]*>|&gt;|\s+/gs, '');
    const whole = spoken(renderToStaticMarkup(createElement(Markdown, { text })));
    for (let length = 2500; length < text.length; length += 997) {
      const part = text.slice(0, length).replace(/[-|>\s\ud83d]+$/, '');
      const html = drawn(part);
      expect(whole.startsWith(spoken(html).replaceAll(/[-|>]/g, ''))).toBe(true);
      expect(spoken(html).endsWith(spoken(part.slice(-3)))).toBe(true);
      // No character is split.
      expect(html.split('<').filter((piece) => /\p{Surrogate}/u.test(piece))).toEqual([]);
      // The end is inside the last paragraph, item, line or cell.
      expect(html.slice(0, html.indexOf(open))).not.toMatch(/<\/(?:p|ul|li|pre|code|blockquote|td|table)>\s*$/);
      expect(html.slice(html.indexOf(open))).toMatch(
        /^<span class="open-end">[^<]*<\/span>(?:\n|<\/?[a-z]+>|<button.*|$)/,
      );
    }
  });

  it('continues in the line of code where the parsed part stops', () => {
    const code = `\`\`\`\n${lines(400)}`;
    const html = drawn(code);
    const at = html.indexOf(open);
    expect(at).toBeGreaterThan(0);
    const text = (html.slice(0, at) + html.slice(at + open.length)).replaceAll('</span>', '');
    expect(/<code>([^<]*)<\/code>/.exec(text)?.[1]).toBe(lines(400));
  });

  it('is not parsed again with every chunk, however long the block is', () => {
    const text = words(20_000);
    const cuts = new Set<number>();
    let longestRest = 0;
    for (let length = 2000; length <= text.length; length += 10) {
      const cut = cutOf(text.slice(0, length));
      cuts.add(cut);
      longestRest = Math.max(longestRest, length - cut);
    }
    expect(cuts.size).toBeLessThan(60);
    expect(longestRest).toBeLessThanOrEqual(32_000);
  });

  it('is parsed again with every complete line, except in a fence', () => {
    expect(cutOf(`${lines(300, '- ')}\nrest`)).toBe(`${lines(300, '- ')}\n`.length);
    const fence = `\`\`\`\n${lines(300)}\nrest`;
    expect(cutOf(fence)).toBeLessThan(fence.length - 4);
    expect(cutOf(`${fence}\n\`\`\``)).toBe(fence.length + 4);
  });

  it('is the part shown of a message that is too long for Markdown', () => {
    const html = drawn(words(60_000));
    expect(html).toMatch(/ w60000<\/pre>$/);
    expect(html.length).toBeLessThan(25_000);
  });
});
