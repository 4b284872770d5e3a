import { expect, test } from 'vitest';
import type { Log } from '../lib/log.ts';
import { guardDriver } from './driver-guard.ts';

test('DATA-4: the log gets the error itself, and the guard can be removed', () => {
  const before = process.listeners('unhandledRejection');
  const logged: unknown[] = [];
  const remove = guardDriver({ error: (...entry: unknown[]) => logged.push(entry) } as unknown as Log);
  const [onRejection] = process.listeners('unhandledRejection').filter((each) => !before.includes(each));
  const err = Object.assign(new Error('gone'), { code: 'CONNECTION_CLOSED' });
  onRejection?.(err, Promise.resolve());
  expect(logged).toEqual([[{ err }, 'The database driver rejected an unhandled promise.']]);
  const mistake = new TypeError('a mistake');
  expect(() => onRejection?.(mistake, Promise.resolve())).toThrow(mistake);
  remove();
  expect(process.listeners('unhandledRejection')).toEqual(before);
});
