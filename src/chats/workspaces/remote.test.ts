import { describe, expect, test } from 'vitest';
import { cleanRemote, repositoryKey } from './remote.ts';

describe('HOST-16: the address of a remote', () => {
  test.each([
    ['https://token@example.org/a/b.git', 'https://example.org/a/b.git'],
    ['https://user:pass@Example.org:443/a/b', 'https://example.org/a/b'],
    ['https://example.org/a/b.git?access_token=secret#x', 'https://example.org/a/b.git'],
    ['ssh://git:pass@example.org:22/a/b', 'ssh://git@example.org/a/b'],
    ['git@example.org:a/b.git', 'git@example.org:a/b.git'],
    ['file:///srv/a%20b.git', '/srv/a b.git'],
    ['../b.git', '/work/b.git'],
  ])('%s is kept without credentials', (given, clean) => {
    expect(cleanRemote(given, '/work/a')).toBe(clean);
  });

  test.each([
    'ext::sh -c id',
    'fd::3',
    '-u',
    '--upload-pack=id',
    'git@-oProxyCommand=id:a',
    'ssh://-oProxyCommand=id/a',
    'host:-x',
    'javascript://x/a',
    'file://other/a',
    'https://a\nb/c',
    `https://example.org/${'a'.repeat(2_000)}`,
    '',
  ])('%s is none', (given) => {
    expect(cleanRemote(given, '/work')).toBeNull();
  });

  test('a relative path without a base is none', () => expect(cleanRemote('a/b')).toBeNull());

  test('is the same over SSH and HTTPS, with .git and without', () => {
    const same = [
      'https://example.org/a/b.git',
      'http://x:y@EXAMPLE.org/a/b/',
      'git@example.org:a/b.git',
      'example.org:/a/b',
      'ssh://git@example.org/a/b.git',
      'git://example.org/a/b',
    ];
    expect(new Set(same.map((each) => repositoryKey(cleanRemote(each)!)))).toEqual(new Set(['example.org/a/b']));
  });

  test.each([
    ['https://example.org/a/b', 'https://example.org/a/c'],
    ['https://example.org/a/b', 'https://example.com/a/b'],
    ['https://example.org:3000/a', 'https://example.org:3001/a'],
    ['/srv/a', 'srv:a'],
  ])('%s is another repository than %s', (one, other) => {
    expect(repositoryKey(cleanRemote(one)!)).not.toBe(repositoryKey(cleanRemote(other)!));
  });
});
