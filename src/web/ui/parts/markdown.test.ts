import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { hostileTexts } from '../../../../test/support/hostile-texts.ts';
import { Markdown } from './markdown.tsx';
import { safeUrl } from '../../text/safe-url.ts';

const drawn = (text: string): string => renderToStaticMarkup(createElement(Markdown, { text }));

describe('WEB-24: hostile Markdown', () => {
  it.each(hostileTexts.map((text) => ({ text })))('stays text: $text', ({ text }) => {
    const html = drawn(text);
    expect(html).not.toMatch(
      /<(script|style|iframe|object|embed|svg|math|form|base|link|meta|img|video|audio|input|textarea|marquee|details|body|template)\b/i,
    );
    expect(html).not.toMatch(/<[^>]*\s(on\w+|style|srcdoc|formaction|action|background|poster)\s*=/i);
    for (const [, url = ''] of html.matchAll(/<[^>]*\s(?:href|src|xlink:href)="([^"]*)"/g)) {
      expect(url).toMatch(/^(https?:\/\/|mailto:)/);
    }
  });

  it('is shown as written, with control characters named', () => {
    expect(drawn('<b>bold</b> & <img src=x onerror=alert(1)>')).toContain('&lt;img src=x onerror=alert(1)&gt;');
    expect(drawn('a\u202eb\u001b[2J')).toContain('a⟨U+202E⟩b␛[2J');
  });

  it('opens web links in a tab without opener or referrer, shows images as links and relative links as text', () => {
    expect(drawn('[a](https://example.org/x)')).toContain(
      '<a href="https://example.org/x" target="_blank" rel="noopener noreferrer nofollow"',
    );
    expect(drawn('[a](/v1/info)')).toContain('<span class="dead-link">a</span>');
    expect(drawn('![cat](https://example.org/cat.png)')).toMatch(/<a [^>]*>cat<\/a>/);
  });

  it('shows a text of 5 MB without parsing it as Markdown', () => {
    const html = drawn(`${'*a*'.repeat(2_000_000)}`);
    expect(html.length).toBeLessThan(50_000);
    expect(html).not.toContain('<em>');
  });
});

describe('safeUrl', () => {
  it.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' javascript:alert(1)',
    'java\nscript:alert(1)',
    '\u0001javascript:alert(1)',
    'data:text/html,<script>',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:http://x/y',
    '//evil.example',
    '/v1/info',
    '#x',
    '',
  ])('refuses %j', (url) => {
    expect(safeUrl(url)).toBeUndefined();
  });
});
