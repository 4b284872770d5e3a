import { expect, test } from 'vitest';
import { pageLink } from './page-link.ts';

test('DECIDE-8: only a plain address of a web page becomes a link, and the host it leads to is named', () => {
  expect(pageLink('https://a.example:8443/b?c#d')).toEqual({
    href: 'https://a.example:8443/b?c#d',
    host: 'a.example:8443',
    isEncrypted: true,
  });
  expect(pageLink('http://a.example')).toMatchObject({ isEncrypted: false });
  // With a Cyrillic letter that looks like a Latin one.
  expect(pageLink('https://ex\u0430mple.com/')?.host).toBe('xn--exmple-4nf.com');
  const others = [
    'javascript:void(0)',
    'data:text/html,x',
    'file:///etc/hostname',
    'vscode://x',
    'https://a.example@b.example/',
    'https://a.example:x@b.example/',
    '//a.example',
    'a.example',
    '',
  ];
  expect(others.filter((address) => pageLink(address))).toEqual([]);
});
