import type { Chats } from '../chats/chats.ts';
import { budgets as shown, patchBudgets } from '../protocol/budget.ts';
import { json, route, type Route } from './route.ts';

export function budgetRoutes({ budgets }: Pick<Chats, 'budgets'>): Route[] {
  return [
    route(
      {
        id: 'getBudgets',
        method: 'GET',
        path: '/v1/budgets',
        policy: 'bearer',
        role: 'viewer',
        summary: 'What all chats together may spend, and have spent, on this day and ever',
        responses: { 200: { description: 'In US dollars, as the agents count them.', schema: shown } },
      },
      {},
      async () => json(200, await budgets.read()),
    ),
    route(
      {
        id: 'patchBudgets',
        method: 'PATCH',
        path: '/v1/budgets',
        policy: 'bearer',
        role: 'owner',
        summary: 'Set what all chats together may spend, on all hosts',
        responses: { 200: { description: 'The budgets now. What they held goes on if they allow it.', schema: shown } },
      },
      { body: patchBudgets },
      async ({ body, actor }) => json(200, await budgets.patch(actor, body)),
    ),
  ];
}
