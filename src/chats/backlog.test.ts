import { expect, test } from 'vitest';
import { Backlog } from './backlog.ts';

test('LOG-5: a backlog has room up to its limit, and for one item of any size when it is empty', () => {
  const backlog = new Backlog(10);
  expect([backlog.add(6), backlog.add(4), backlog.add(1), backlog.bytes]).toEqual([true, true, false, 10]);
  backlog.remove(4);
  expect([backlog.bytes, backlog.add(5), backlog.add(4)]).toEqual([6, false, true]);
  backlog.remove(10);
  expect([backlog.add(1_000), backlog.add(1), backlog.bytes]).toEqual([true, false, 1_000]);
});
