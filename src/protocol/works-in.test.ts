import { expect, test } from 'vitest';
import { worksIn } from './works-in.ts';

test.each([
  ['/a/b', '/a/b', null],
  ['/a/b', '/a/b/c/d', 'c/d'],
  ['/a/b', '/a/bc', '/a/bc'],
  ['/a/b', '/a', '/a'],
  ['/', '/a', 'a'],
])('for a chat in %s, an agent in %s works in %s', (cwd, currentDirectory, expected) => {
  expect(worksIn({ cwd, currentDirectory })).toBe(expected);
});
