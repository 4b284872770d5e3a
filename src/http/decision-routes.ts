import { z } from 'zod';
import type { Chats } from '../chats/chats.ts';
import { visibleTo } from '../chats/sharing.ts';
import { answerDecision, decision, decisionPage } from '../protocol/decision.ts';
import { decisionPath, pageCursor, pageLimit, uuid } from './parameters.ts';
import { json, largeBodyBytes, route, type Route } from './route.ts';

const decisionQuery = z.strictObject({
  status: z.enum(['pending', 'resolved']).optional(),
  chatId: uuid.optional(),
  after: pageCursor.optional(),
  limit: pageLimit(200, 50),
});

export function decisionRoutes(chats: Chats): Route[] {
  return [
    route(
      {
        id: 'listDecisions',
        method: 'GET',
        path: '/v1/decisions',
        policy: 'bearer',
        role: 'viewer',
        summary: 'List decisions, pending or settled',
        responses: { 200: { description: 'A page of decisions.', schema: decisionPage } },
      },
      { query: decisionQuery },
      async ({ query, actor }) =>
        json(200, await chats.listDecisions({ ...query, visibleTo: visibleTo(actor.principal) })),
    ),
    route(
      {
        id: 'answerDecision',
        method: 'POST',
        path: '/v1/decisions/{decisionId}',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Settle a decision; the first answer wins',
        errors: ['decision_settled', 'chat_elsewhere'],
        bodyLimitBytes: largeBodyBytes,
        responses: { 200: { description: 'The decision, settled by this answer.', schema: decision } },
      },
      { params: decisionPath, body: answerDecision },
      async ({ params, body, actor, trail }) => {
        const settled = await chats.answerDecision(actor, params.decisionId, body);
        trail.tell({ chatId: settled.chatId });
        return json(200, settled);
      },
    ),
  ];
}
