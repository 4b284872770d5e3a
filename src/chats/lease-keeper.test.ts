import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { silentLog } from '../lib/log.ts';
import type { Sql } from '../store/database.ts';
import { LeaseKeeper } from './lease-keeper.ts';

test('FENCE-3: a lease counts from the question, however late the answer comes', async () => {
  const clock = new ManualClock();
  const answers: (() => void)[] = [];
  // Stands for the one statement of a renewal.
  const sql = (() =>
    new Promise((resolve) => answers.push(() => resolve([{ id: 'chat', epoch: 1 }])))) as unknown as Sql;
  const lost: string[] = [];
  const keeper = new LeaseKeeper({
    sql,
    hostId: 'host',
    clock,
    logger: silentLog,
    held: () => new Map([['chat', 1]]),
    onLost: (chatId, _epoch, why) => lost.push(`${chatId} ${why}`),
  });
  keeper.start();
  clock.advance(5_000);
  // The answer takes two seconds.
  clock.advance(2_000);
  answers[0]!();
  await new Promise((done) => setImmediate(done));
  // The next question, which is not answered.
  clock.advance(5_000);
  expect(answers).toHaveLength(2);
  clock.advance(1_999);
  expect(lost).toEqual([]);
  clock.advance(1);
  expect(lost).toEqual(['chat expired']);
  answers[1]!();
  await keeper.stop();
});
