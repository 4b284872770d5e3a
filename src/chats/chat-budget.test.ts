// What a chat counts of its agent's processes, without a database.
import { beforeEach, describe, expect, test } from 'vitest';
import { BooError } from '../protocol/error.ts';
import type { Event } from '../protocol/event.ts';
import type { Write } from '../store/events.ts';
import { ChatBudget, type ChatBudgetParts } from './chat-budget.ts';

let told: number[];
let written: Write[];
let refusal: Error | undefined;
let row: { id: string; budgetUsd: number | null; budgetWarnedUsd: number | null; costUsd: number };
let budget: ChatBudget;
beforeEach(() => {
  told = [];
  written = [];
  refusal = undefined;
  row = { id: 'a', budgetUsd: 1, budgetWarnedUsd: 1, costUsd: 0 };
  budget = new ChatBudget({
    settings: { row, stored: (changes: object) => void Object.assign(row, changes) },
    log: {
      append: (write: Write) => {
        if (refusal) return Promise.reject(refusal);
        written.push(write);
        return Promise.resolve([]);
      },
    },
    budgets: { isLimited: false, noteBooked() {}, noteUnbooked: (_: string, usd: number) => void told.push(usd) },
  } as unknown as ChatBudgetParts);
});

/** As the chat does it: the row first. */
function noted(event: object): void {
  const { costUsd, data } = event as { costUsd?: number; data?: { costUsd: number } };
  row.costUsd += costUsd ?? data?.costUsd ?? 0;
  budget.noted(event as Event);
}
const started = () => noted({ type: 'turn_started' });
const finished = (costUsd: number) => noted({ type: 'turn_finished', costUsd });
const sessionCost = (costUsd: number, more: object = {}) =>
  noted({ type: 'notice', code: 'session_cost', data: { costUsd, ...more } });
/** With a limit that is always spent. */
async function spentUsd(): Promise<number> {
  const before = row.budgetUsd;
  Object.assign(row, { budgetUsd: 0, budgetWarnedUsd: 0 });
  const spent = await budget.spent();
  Object.assign(row, { budgetUsd: before, budgetWarnedUsd: before });
  return spent!.spentUsd;
}

describe('what a lost process had spent', () => {
  test('BUDGET-1: is counted once if the end of its turn has it', async () => {
    started();
    await budget.open().mayAsk(0.6);
    budget.noteEnd();
    expect(await spentUsd()).toBe(0.6);
    finished(0.6);
    expect(await spentUsd()).toBe(0.6);
    expect(told.at(-1)).toBe(0);
  });

  test('BUDGET-1: is counted until its session tells it, if the end of its turn does not have it', async () => {
    started();
    await budget.open().mayAsk(0.6);
    budget.noteEnd();
    finished(0);
    expect(await spentUsd()).toBe(0.6);
    sessionCost(0.6);
    expect(await spentUsd()).toBe(0.6);
  });

  test('BUDGET-1: is not settled by the turn of a later process', async () => {
    await budget.open().mayAsk(0.2);
    budget.noteEnd();
    started();
    const limit = budget.open();
    await limit.mayAsk(0.5);
    finished(0.5);
    await limit.mayAsk(0);
    expect(await spentUsd()).toBeCloseTo(0.7);
    sessionCost(0.2);
    expect(await spentUsd()).toBeCloseTo(0.7);
  });

  test('BUDGET-1: is not counted again when it tells it after its end', async () => {
    const limit = budget.open();
    started();
    await limit.mayAsk(0.5);
    budget.noteEnd();
    finished(0.5);
    expect(await limit.mayAsk(0.6)).toBeNull();
    expect(await spentUsd()).toBe(0.5);
  });

  test('BUDGET-1: is not settled by what a side question has cost', async () => {
    await budget.open().mayAsk(0.2);
    budget.noteEnd();
    await budget.open().mayAsk(0.3);
    sessionCost(0.1, { isAside: true });
    expect(await spentUsd()).toBeCloseTo(0.6);
  });
});

test('BUDGET-9: once the chat has left the host, nothing is added to what that has not booked', async () => {
  const limit = budget.open();
  await limit.mayAsk(0.2);
  budget.stop();
  await limit.mayAsk(0.4);
  finished(0.1);
  expect(told).toEqual([0.2, 0]);
});

test('BUDGET-4: a warning that could not be stored does not end the watch', async () => {
  row.budgetWarnedUsd = null;
  refusal = new BooError('storage_unavailable', 'The disk is full.');
  const limit = budget.open();
  await expect(limit.mayAsk(0.9)).rejects.toThrow('full');
  refusal = undefined;
  expect(await limit.mayAsk(1.1)).toMatch(/1\.10/);
  expect(written).toMatchObject([{ chat: { budgetWarnedUsd: 1 } }]);
});
