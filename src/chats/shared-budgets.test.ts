// What all chats have spent, with a ledger that only answers sums.
import { beforeEach, describe, expect, test } from 'vitest';
import { anActor } from '../../test/support/owners-chats.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { silentLog } from '../lib/log.ts';
import type { Sql } from '../store/database.ts';
import { SharedBudgets, type SharedLimits } from './shared-budgets.ts';

let clock: ManualClock;
let ledger: { day: number; before: number };
let asked: ('day' | 'before')[];
/** Called when a sum was read, before it is known. */
let onRead: () => void;
let failure: Error | undefined;
beforeEach(() => {
  clock = new ManualClock();
  ledger = { day: 1, before: 10 };
  asked = [];
  onRead = () => {};
  failure = undefined;
});

async function open(limits: Partial<SharedLimits>): Promise<SharedBudgets> {
  const sql = (parts: TemplateStringsArray, ...values: { text?: string }[]): object => {
    const text = parts.map((part, index) => part + (values[index]?.text ?? '')).join('');
    // eslint-disable-next-line unicorn/no-thenable -- as the driver's, which asks nothing before somebody waits
    return { text, then: (...then: [() => unknown]) => answer(text).then(...then) };
  };
  const budgets = new SharedBudgets({
    sql: sql as unknown as Sql,
    clock,
    logger: silentLog,
    defaults: { day: null, server: null, ...limits },
  });
  await budgets.start();
  budgets.stop();
  return budgets;
}

async function answer(text: string): Promise<object[]> {
  if (failure) throw failure;
  if (!text.includes('from boocode.usage_ledger')) return [];
  const of = text.includes('bucket <') ? 'before' : 'day';
  asked.push(of);
  const costUsd = ledger[of];
  await Promise.resolve();
  onRead();
  return [{ costUsd }];
}

describe('what all chats have spent', () => {
  test('BUDGET-9: a booking has only the sum of its day read again, also when a person asks', async () => {
    const budgets = await open({ server: 100 });
    expect(await budgets.look()).toMatchObject([{ of: 'server', spentUsd: 11 }]);
    for (const day of [2, 3]) {
      ledger = { ...ledger, day };
      budgets.noteBooked();
      expect(await budgets.look()).toMatchObject([{ spentUsd: 10 + day }]);
    }
    expect(await budgets.read()).toMatchObject({ day: { spentUsd: 3 }, server: { spentUsd: 13 } });
    expect(asked.filter((each) => each === 'before')).toHaveLength(1);
    clock.advance(24 * 3_600_000);
    ledger = { day: 0, before: 13 };
    expect(await budgets.look()).toMatchObject([{ spentUsd: 13 }]);
    expect(asked.filter((each) => each === 'before')).toHaveLength(2);
  });

  test('BUDGET-9: a budget of the day reads nothing of the days before', async () => {
    const budgets = await open({ day: 100 });
    expect(await budgets.look()).toMatchObject([{ of: 'day', spentUsd: 1 }]);
    expect(asked).toEqual(['day']);
    expect((await budgets.read()).server).toMatchObject({ limitUsd: null, spentUsd: 11 });
  });

  test('BUDGET-9: what is booked while the sums are read is neither missing nor counted twice', async () => {
    const budgets = await open({ server: 100 });
    budgets.noteUnbooked('one', 5);
    let bookings = 0;
    onRead = () => {
      if (bookings++ > 0) return;
      ledger = { ...ledger, day: 6 };
      budgets.noteBooked();
      budgets.noteUnbooked('one', 0);
    };
    expect(await budgets.look()).toMatchObject([{ spentUsd: 16 }]);
  });

  test('BUDGET-9: whoever books all the time keeps nobody from looking', async () => {
    const budgets = await open({ server: 100 });
    onRead = () => budgets.noteBooked();
    expect(await budgets.look()).toMatchObject([{ spentUsd: 11 }]);
    expect(asked.filter((each) => each === 'day')).toHaveLength(3);
  });

  test('BUDGET-12: a database that cannot serve is named as such', async () => {
    const budgets = await open({});
    failure = Object.assign(new Error('no'), { code: '53100' });
    await expect(budgets.read()).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expect(budgets.patch(anActor, { dayUsd: 1 })).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});
