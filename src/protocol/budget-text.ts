/** Budgets in words. It runs in the web app, too. */
import type { SpentBudget } from './budget.ts';

/** To the cent; of less than a dollar as much as there is. */
export function usdText(usd: number): string {
  const exact = usd < 1 ? usd.toFixed(4).replace(/0{1,2}$/, '') : usd.toFixed(2);
  return `$${exact}`;
}

export const budgetNames = {
  chat: 'the budget of this chat',
  day: 'today’s budget of all chats',
  server: 'the budget of the whole server',
} as const satisfies Record<SpentBudget['of'], string>;

/** That a budget is spent, with the amount by which it was exceeded. */
export function budgetSpentText({ of, limitUsd, spentUsd }: SpentBudget): string {
  const over = spentUsd - limitUsd;
  const more = over > 0.00005 ? `, ${usdText(over)} more than allowed` : '';
  return `${capital(budgetNames[of])} is spent: ${usdText(spentUsd)} of ${usdText(limitUsd)}${more}.`;
}

/** That it soon will be. */
export function budgetNearText({ of, limitUsd, spentUsd }: SpentBudget): string {
  const percent = Math.floor((spentUsd / limitUsd) * 100);
  return `${percent} % of ${budgetNames[of]} is spent: ${usdText(spentUsd)} of ${usdText(limitUsd)}.`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
