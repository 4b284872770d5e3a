import { expect, test } from 'vitest';
import type { Sql } from './database.ts';
import { probeWrites } from './probe-writes.ts';

test('DATA-6: a full disk is reported even if a row would still fit into a table', async () => {
  const full = Object.assign(new Error('No space left on device.'), { code: '53100' });
  const answers = [Promise.reject(full), Promise.resolve([])];
  const db = (() => answers.shift()) as unknown as Sql;
  await expect(probeWrites(db, 'host')).rejects.toBe(full);
  expect(answers).toHaveLength(1);
});
