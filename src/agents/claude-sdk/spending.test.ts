import type { Options, Query } from '@anthropic-ai/claude-agent-sdk';
import { expect, test } from 'vitest';
import { Spending } from './spending.ts';

/** A program that says what it has spent, or does not. */
function spendingOf(told: () => Promise<number>, { isLimited = true, reportedUsd = 0, limitUsd = 1 } = {}) {
  const asked: number[] = [];
  const problems: unknown[] = [];
  let interrupts = 0;
  const query = {
    usage_EXPERIMENTAL_MAY_CHANGE_DO_NOT_RELY_ON_THIS_API_YET: async () => ({
      session: { total_cost_usd: await told() },
    }),
  } as unknown as Query;
  const spending = new Spending({
    spec: {
      spending: {
        isLimited,
        mayAsk: (usd) => {
          asked.push(usd);
          return Promise.resolve(usd >= limitUsd ? 'It is spent.' : null);
        },
      },
    },
    query: () => query,
    reportedUsd: () => reportedUsd,
    interrupt: () => Promise.resolve(void (interrupts += 1)),
    onProblem: (error) => problems.push(error),
  });
  return { spending, asked, problems, interrupts: () => interrupts };
}

/** What the program's hook answers after the tools of a message. */
function afterTools({ hooks }: Pick<Spending, 'hooks'>): Promise<unknown> {
  const [hook] = (hooks satisfies NonNullable<Options['hooks']>).PostToolBatch![0]!.hooks;
  return hook!({} as never, undefined, { signal: new AbortController().signal });
}

test('BUDGET-4: what the session has not reported yet decides whether the agent asks its model again', async () => {
  let total = 2.5;
  const { spending, asked } = spendingOf(() => Promise.resolve(total), { reportedUsd: 2 });
  expect(await afterTools(spending)).toEqual({});
  total = 3;
  expect(await afterTools(spending)).toEqual({ continue: false, stopReason: 'It is spent.' });
  expect(asked).toEqual([0.5, 1]);
});

test('BUDGET-4: a program that does not say what it has spent is held to what it said before', async () => {
  let isSilent = false;
  const { spending, problems } = spendingOf(() =>
    isSilent ? Promise.reject(new Error('No answer.')) : Promise.resolve(1),
  );
  expect(await spending.whyStop()).toBe('It is spent.');
  isSilent = true;
  expect(await spending.whyStop()).toBe('It is spent.');
  expect(problems).toEqual([new Error('No answer.')]);
});

test('BUDGET-6: a request that no hook has allowed is interrupted, and one that it has is not', async () => {
  const { spending, interrupts } = spendingOf(() => Promise.resolve(1));
  await spending.noteRequest();
  expect(interrupts()).toBe(0);
  await spending.noteRequest();
  expect(interrupts()).toBe(1);
});

test('BUDGET-11: without a budget the program is not asked', async () => {
  const { spending, asked, problems } = spendingOf(() => Promise.reject(new Error('It was asked.')), {
    isLimited: false,
  });
  expect(await afterTools(spending)).toEqual({});
  expect([asked, problems]).toEqual([[], []]);
});
