import { expect, test } from 'vitest';
import { arrayLiteral, arrayTypes } from './array-types.ts';

test('arrays of texts, bigints and uuids are passed in Postgres’s format, and never read', () => {
  expect(arrayLiteral(['a"b', 'c\\d', null, 7])).toBe('{"a\\"b","c\\\\d",null,"7"}');
  expect(arrayLiteral([])).toBe('{}');
  expect(Object.entries(arrayTypes).map(([name, { to, from }]) => [name, to, from])).toEqual([
    ['textArray', 1009, [1009]],
    ['bigintArray', 1016, [1016]],
    ['uuidArray', 2951, [2951]],
  ]);
  const long = `{${'x'.repeat(100)}}`;
  expect(() => arrayTypes['textArray']?.parse(long)).toThrow(
    new TypeError(`Arrays are passed, never read: select ${long.slice(0, 40)} as json.`),
  );
});
