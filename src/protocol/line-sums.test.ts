import { expect, it } from 'vitest';
import { lineSums } from './line-sums.ts';

it('WEB-91 WEB-94: lines that were not counted are not said to be none', () => {
  const [text, binary] = [
    { added: 2, removed: 1 },
    { added: null, removed: null },
  ];
  expect(lineSums([])).toEqual({ added: 0, removed: 0 });
  expect(lineSums([text, text, binary])).toEqual({ added: 4, removed: 2 });
  expect(lineSums([binary, binary])).toBeNull();
});
