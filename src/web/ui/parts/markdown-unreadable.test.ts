import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, it, vi } from 'vitest';
import type * as reactMarkdown from 'react-markdown';
import { Markdown } from './markdown.tsx';

// A parser that gives up on one block, as the real one does on a stack overflow.
vi.mock('react-markdown', async (original) => {
  const { default: read } = await original<typeof reactMarkdown>();
  return {
    default(options: Parameters<typeof read>[0]) {
      if (options.children?.includes('too deep') === true) throw new RangeError('Maximum call stack size exceeded');
      return read(options);
    },
  };
});

it('WEB-24: shows a block that the parser gives up on as written, and renders all others', () => {
  const drawn = (isDraft: boolean): string =>
    renderToStaticMarkup(createElement(Markdown, { text: '*a*\n\n*too deep*\n\n*b*', isDraft }));
  expect(drawn(false)).toMatch(/<em>a<\/em>.*<pre class="plain-text">\*too deep\*\n\n<\/pre>.*<em>b<\/em>/s);
  const long = `too deep ${'*word* '.repeat(2000)}end`;
  const html = renderToStaticMarkup(createElement(Markdown, { text: long, isDraft: true }));
  expect(html).toContain(`<pre class="plain-text">${long}</pre>`);
});
