import { expect, test } from 'vitest';
import { asAmount, asCount, asTimeMs } from './loose-json.ts';

const noNumbers = [undefined, null, '7', -1, Number.NaN, Infinity, {}, 7n];

test.each<[unknown, ...(number | undefined)[]]>([
  [0, 0, 0, 0],
  [7, 7, 7, 7],
  [1796106196407.4429, 1796106196407.4429, 1796106196407, 1796106196407],
  [0.6, 0.6, 1, 1],
  [8.65e15, 8.65e15, 8.65e15, undefined],
  [1e300, 1e300, undefined, undefined],
  ...noNumbers.map((value): [unknown] => [value]),
])('%s is the amount %s, the count %s and the time %s', (value, amount, count, time) => {
  expect([asAmount(value), asCount(value), asTimeMs(value)]).toEqual([amount, count, time]);
});
