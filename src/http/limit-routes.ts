import type { Chats } from '../chats/chats.ts';
import { planUsage } from '../protocol/plan-usage.ts';
import { wakeCost } from '../protocol/wake-cost.ts';
import { chatPath } from './parameters.ts';
import { json, route, type Route } from './route.ts';

export function limitRoutes({ limits }: Pick<Chats, 'limits'>): Route[] {
  return [
    route(
      {
        id: 'getWakeCost',
        method: 'GET',
        path: '/v1/chats/{chatId}/wake-cost',
        policy: 'bearer',
        role: 'viewer',
        summary:
          'Estimate what the next prompt costs before it says anything: its context, cached or not, is sent again',
        responses: { 200: { description: 'As far as it is known.', schema: wakeCost } },
      },
      { params: chatPath },
      async ({ params }) => json(200, await limits.wakeCost(params.chatId)),
    ),
    route(
      {
        id: 'getPlanUsage',
        method: 'GET',
        path: '/v1/plan-usage',
        policy: 'bearer',
        role: 'viewer',
        summary: 'Show how much of their accounts’ plans (5 hours, 7 days) agents have heard to be used',
        responses: { 200: { description: 'What was heard last; empty where no account tells it.', schema: planUsage } },
      },
      {},
      async () => json(200, await limits.planUsage()),
    ),
  ];
}
