import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { costlyTexts } from '../../../test/support/costly-texts.ts';
import { markdownCost, markdownPieces } from './markdown-cost.ts';
import { Markdown } from '../ui/parts/markdown.tsx';
import { splitBlocks } from './split-blocks.ts';

const drawn = (text: string): string => renderToStaticMarkup(createElement(Markdown, { text }));
const table = (columns: number, rows: number, cell: string): string =>
  [`|${' head |'.repeat(columns)}`, `|${' --- |'.repeat(columns)}`]
    .concat(Array.from({ length: rows }, () => `|${` ${cell} |`.repeat(columns)}`))
    .join('\n');
const nested = (depth: number, mark: string, indent: number): string =>
  Array.from({ length: depth }, (_, level) => `${' '.repeat(indent * level)}${mark} level ${level}`).join('\n');

describe('WEB-24: Markdown that is too expensive to parse', () => {
  it.each(costlyTexts)(
    'is shown as written: $name',
    ({ text }) => {
      expect(splitBlocks(text).some((block) => markdownCost(block) === Infinity)).toBe(true);
      const html = drawn(`before *it*\n\n${text}\n\nafter *it*`);
      expect(html).toContain('<em>it</em>');
      expect(html).toContain('<pre class="plain-text">');
      expect(html.length).toBeLessThan(100_000);
    },
    // Some of these take minutes without the estimate.
    20_000,
  );

  it('is shown to its last character', () => {
    const text = '> '.repeat(500) + 'words *as* they are';
    expect(drawn(text)).toBe(
      `<div class="markdown"><pre class="plain-text">${text.replaceAll('>', '&gt;')}</pre></div>`,
    );
  });

  it.each([
    {
      name: 'a table',
      text: table(20, 50, '**a** [b](https://example.org) `c`'),
      shown: /<td><strong>a/g,
      times: 1000,
    },
    { name: 'a list five deep', text: nested(5, '-', 2), shown: /<ul>/g, times: 5 },
    { name: 'a numbered list five deep', text: nested(5, '1.', 3), shown: /<ol>/g, times: 5 },
    { name: 'a list of 500', text: '- **a**: [b](https://example.org)\n'.repeat(500), shown: /<strong>/g, times: 500 },
    { name: 'code', text: `Code:\n\`\`\`json\n${'["[a]", *b*, _c_]\n'.repeat(9000)}\`\`\``, shown: /<pre/g, times: 1 },
    { name: 'a long paragraph', text: 'some *words* of a text '.repeat(800), shown: /<em>/g, times: 800 },
    { name: 'many sections', text: '## Head\n\nText with `code`.\n\n'.repeat(300), shown: /<h2>/g, times: 300 },
  ])('does not include a text that is merely long: $name', ({ text, shown, times }) => {
    const html = drawn(text);
    expect(html.match(shown)).toHaveLength(times);
    expect(html).not.toContain('plain-text');
  });

  it('does not include code, but everything that only looks like code', () => {
    const stars = 'a*'.repeat(3000);
    expect(markdownCost(`\`\`\`\n${stars}\n\`\`\`\nafter`)).toBeLessThan(50);
    for (const start of ['``` `', '<!--\n```\n-->', '- a\n  ```', '    ```', '> ```']) {
      expect(markdownCost(`${start}\n${stars}`)).toBe(Infinity);
    }
    expect(markdownCost(`\`\`\`\n\`\`\`\n${stars}`)).toBe(Infinity);
    // Rows without a table are one paragraph.
    expect(markdownCost(`|a|\n|-|-|\n${'|a*a*a*|\n'.repeat(1000)}`)).toBe(Infinity);
  });

  it('includes everything after the limit for one text, as one piece', () => {
    const blocks = Array.from({ length: 60_000 }, () => 'a\n\n');
    const pieces = markdownPieces(blocks);
    expect(pieces.length).toBeLessThan(5000);
    expect(pieces.at(-1)?.isMarkdown).toBe(false);
    expect(pieces.map((piece) => piece.text).join('')).toBe(blocks.join(''));
  });
});
