import { expect, it } from 'vitest';
import { memoryStorage } from '../../../test/support/memory-storage.ts';
import { createDiscards } from './discards.ts';

it('WEB-87: all that was discarded can be given back, also after the view or the page was closed', () => {
  const storage = memoryStorage(1_000_000);
  const discards = createDiscards(storage);
  discards.add('a', { undo: '1', name: 'one.txt' });
  discards.add('a', { undo: '2', name: 'two.txt' });
  discards.add('b', { undo: '3', name: 'three.txt' });
  const again = createDiscards(storage);
  expect(
    again.store
      .get()
      .get('a')
      ?.map(({ name }) => name),
  ).toEqual(['two.txt', 'one.txt']);
  again.remove('a', '2');
  again.remove('b', '3');
  expect([...createDiscards(storage).store.get()]).toEqual([['a', [{ undo: '1', name: 'one.txt' }]]]);
  again.clear();
  expect(storage.length).toBe(0);
});
