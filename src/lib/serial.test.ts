import { expect, test } from 'vitest';
import { createGate } from '../../test/support/gate.ts';
import { createSerial } from './serial.ts';

test('tasks run one after another, in order', async () => {
  const serial = createSerial();
  const gate = createGate();
  const seen: string[] = [];
  const first = serial(async () => {
    seen.push('first begins');
    await gate.pass();
    seen.push('first ends');
    return 1;
  });
  const second = serial(() => {
    seen.push('second');
    return Promise.resolve(2);
  });
  await gate.reached;
  expect(seen).toEqual(['first begins']);
  gate.open();
  expect(await Promise.all([first, second])).toEqual([1, 2]);
  expect(seen).toEqual(['first begins', 'first ends', 'second']);
});

test('a failing task does not affect the others', async () => {
  const serial = createSerial();
  const failed = serial(() => Promise.reject(new Error('no')));
  const thrown = serial(() => {
    throw new Error('at once');
  });
  const next = serial(() => Promise.resolve('yes'));
  await expect(failed).rejects.toThrow('no');
  await expect(thrown).rejects.toThrow('at once');
  expect(await next).toBe('yes');
});
