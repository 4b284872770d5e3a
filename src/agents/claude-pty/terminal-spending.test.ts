import { beforeEach, expect, test } from 'vitest';
import { SessionCosts } from './session-costs.ts';
import { TerminalSpending } from './terminal-spending.ts';

let spending: TerminalSpending;
let asked: number[];
let interrupts: number;
let limit: { isLimited: boolean; reason: string | null };
let running: object | undefined;
let hasOpenCalls: boolean;
beforeEach(() => {
  [asked, interrupts, running, hasOpenCalls] = [[], 0, {}, false];
  limit = { isLimited: true, reason: 'The budget is spent.' };
  const costs = new SessionCosts();
  costs.reset({ costUsd: 0.5, models: {} });
  spending = new TerminalSpending({
    spec: {
      spending: {
        get isLimited() {
          return limit.isLimited;
        },
        mayAsk: (usd) => (asked.push(usd), Promise.resolve(limit.reason)),
      },
    },
    costs,
    turns: {
      reportedUsd: 0.2,
      get hasOpenCalls() {
        return hasOpenCalls;
      },
    },
    turn: {
      get running() {
        return running;
      },
      isTyped: false,
    },
    interrupt: () => (interrupts += 1),
    onProblem: () => undefined,
  });
});

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('BUDGET-6: a program that runs no hooks is interrupted, but not while it runs a tool', async () => {
  hasOpenCalls = true;
  spending.look();
  await settled();
  expect([asked, interrupts]).toEqual([[0.3], 0]);
  hasOpenCalls = false;
  spending.look();
  await settled();
  expect(interrupts).toBe(1);
});

test('BUDGET-6: one that runs them is told by them, and nobody is interrupted who may go on, or does not work', async () => {
  limit.reason = null;
  spending.look();
  await settled();
  [limit.reason, running] = ['Spent.', undefined];
  spending.look();
  await settled();
  expect(interrupts).toBe(0);
  running = {};
  expect(await spending.whyStop('PostToolBatch')).toBe('Spent.');
  spending.look();
  await settled();
  expect(interrupts).toBe(0);
});

test('BUDGET-11: without a budget it is not looked at', async () => {
  limit.isLimited = false;
  spending.look();
  expect(await spending.whyStop('PostToolBatch')).toBeNull();
  expect([asked, interrupts]).toEqual([[], 0]);
});
