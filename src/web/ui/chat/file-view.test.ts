import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, it } from 'vitest';
import { FileView } from './file-view.tsx';

const drawn = (text: string): string =>
  renderToStaticMarkup(createElement(FileView, { id: '1', path: '/a/b.ts', file: { numbers: [1], text, rest: '' } }));

it('WEB-24: shows a file without the Markdown fence around it, however large the file is', () => {
  for (const text of ['const a = 1;', 'const a = '.repeat(30_000), '` '.repeat(2_500_000)]) {
    const html = drawn(text);
    expect(html).not.toContain('```');
    expect(html).toContain(text.slice(0, 10));
    expect(html.length).toBeLessThan(50_000);
  }
});
