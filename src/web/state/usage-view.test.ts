import { expect, test } from 'vitest';
import { noUsage } from '../../protocol/usage.ts';
import { amountOf, axisEnd, firstDay, measureOf, namedDays } from './usage-view.ts';

const usage = (costUsd: number, outputTokens: number) => ({ ...noUsage, costUsd, outputTokens, unpricedTokens: 0 });

test('WEB-107: a range ends with today', () => {
  const late = new Date(2026, 2, 1, 23, 59);
  expect([1, 7, 90].map((count) => firstDay(count, late))).toEqual(['2026-03-01', '2026-02-23', '2025-12-02']);
});

test('WEB-108: dollars are compared, or tokens where nothing has a price', () => {
  expect(measureOf(usage(0.1, 5))).toBe('cost');
  expect(measureOf(usage(0, 5))).toBe('tokens');
  expect([amountOf(usage(0.1, 5), 'cost'), amountOf(usage(-1, 5), 'cost'), amountOf(usage(0.1, 5), 'tokens')]).toEqual([
    0.1, 0, 5,
  ]);
});

test('WEB-108: the axis ends at a round number that nothing is beyond', () => {
  expect([0, 0.003, 0.1, 0.11, 1, 4.9, 7, 1234].map(axisEnd)).toEqual([1, 0.005, 0.1, 0.2, 1, 5, 10, 2000]);
});

test('WEB-108: as many days are named as there is room for, the last one among them', () => {
  expect([...namedDays(7, 7)].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect([...namedDays(30, 7)].toSorted((a, b) => a - b)).toEqual([4, 9, 14, 19, 24, 29]);
  expect(namedDays(90, 4).size).toBe(4);
});
