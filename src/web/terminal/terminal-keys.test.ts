import { expect, test } from 'vitest';
import { keyBytes, terminalKeys } from './terminal-keys.ts';

test('every key sends something, and arrows what the program asked for', () => {
  expect(terminalKeys.map(({ name }) => keyBytes(name, false))).toEqual([
    '\u001b',
    '\t',
    '\u001b[Z',
    '\u0003',
    '\u001b[A',
    '\u001b[B',
    '\u001b[D',
    '\u001b[C',
  ]);
  expect(keyBytes('↑', true)).toBe('\u001bOA');
  expect(keyBytes('Esc', true)).toBe('\u001b');
});
