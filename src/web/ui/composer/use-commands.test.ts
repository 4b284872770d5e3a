import { expect, test } from 'vitest';
import { matching } from './use-commands.ts';

const command = (name: string) => ({ name, description: '' });
const names = (typed: string, ...all: string[]): string[] => matching(all.map(command), typed).map(({ name }) => name);

test('commands that start with the typed text come first, then those with a part that does, both sorted by name', () => {
  expect(names('re', 'code-review', 'review', 'init', 'release')).toEqual(['release', 'review', 'code-review']);
  expect(names('RE', 'review')).toEqual(['review']);
  expect(names('x', 'review')).toEqual([]);
  expect(names('', '__inner', 'a')).toEqual(['a']);
  expect(names('_', '__inner', 'a')).toEqual(['__inner']);
  expect(names('', 'b', 'a')).toEqual(['a', 'b']);
});

test('offers at most 30 commands', () => {
  expect(names('', ...Array.from({ length: 500 }, (_, index) => `c${index}`)).length).toBe(30);
});
