import { expect, test } from 'vitest';
import { createGate, type Gate } from '../../test/support/gate.ts';
import { createLimiter } from './limiter.ts';

test('runs a limited number of tasks at once, and the others in order, even after a failure', async () => {
  const limit = createLimiter(2);
  const running = new Set<number>();
  const begun: number[] = [];
  const gates: Gate[] = Array.from({ length: 5 }, createGate);
  let most = 0;
  const tasks = gates.map((gate, index) =>
    limit(async () => {
      begun.push(index);
      running.add(index);
      most = Math.max(most, running.size);
      await gate.pass();
      running.delete(index);
      if (index === 1) throw new Error('one fails');
      return index;
    }),
  );
  const settled = Promise.allSettled(tasks);
  await Promise.all([gates[0]!.reached, gates[1]!.reached]);
  expect([begun, limit.isFull]).toEqual([[0, 1], true]);
  gates[1]!.open();
  await gates[2]!.reached;
  expect(begun).toEqual([0, 1, 2]);
  for (const gate of gates) gate.open();
  expect((await settled).map((each) => each.status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
    'fulfilled',
  ]);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  expect([most, limit.isFull]).toEqual([2, false]);
});

test('a task that arrives while a slot is passed on does not jump the queue', async () => {
  const limit = createLimiter(1);
  const gate = createGate();
  const order: string[] = [];
  const first = limit(() => gate.pass());
  const second = limit(() => Promise.resolve(order.push('second')));
  gate.open();
  const third = first.then(() => limit(() => Promise.resolve(order.push('third'))));
  await Promise.all([second, third]);
  expect(order).toEqual(['second', 'third']);
});
