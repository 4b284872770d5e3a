import { expect, test } from 'vitest';
import { isKeys, keyBytes, terminalKeys } from './terminal-keys.ts';

test('every key sends its sequence, and arrows respect application mode', () => {
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

test('WEB-47: distinguishes key and mouse input from text that only looks like it', () => {
  const keys = [
    terminalKeys.flatMap(({ name }) => [keyBytes(name, false), keyBytes(name, true)]),
    ['a', '漢', '😀', '\r', '\x7f', '\x1ba', '\x1b\r', '\x1b\x7f', '\x1b😀', '\x1b\x1b', '\x1b\x1b[A'],
    ['\x1b[1;5A', '\x1b[15~', '\x1bOP', '\x1b[97;5u', '\x1b[A\x1b[A\x1b[A', '\x1bOB\x1bOB'],
    ['\x1b[I', '\x1b[O', '\x1b[<0;10;5M', '\x1b[<0;10;5m'],
    ['words of a composition', '漢字かな', '!ls'],
  ].flat();
  expect(keys.filter((key) => !isKeys(key))).toEqual([]);
  const texts = [
    ['a\r', '\r\n', 'a\nb', 'a\x03', 'a\u009b201~', 'a\x1b[A', '\x1b[A\r', '\x1b]52;c;x\x07'],
    ['\x1b[200~', '\x1b[201~', '\x1b[201~\r', '\x1b[A\x1b[201~'],
  ].flat();
  expect(texts.filter((text) => isKeys(text))).toEqual([]);
});
