import type { Chats } from '../chats/chats.ts';
import { asideAnswer, askAside } from '../protocol/aside.ts';
import { chatPath } from './parameters.ts';
import { patiently } from './patiently.ts';
import { json, route, type Route } from './route.ts';

export function asideRoutes(chats: Pick<Chats, 'askAside'>): Route[] {
  return [
    route(
      {
        id: 'askAside',
        method: 'POST',
        path: '/v1/chats/{chatId}/aside',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Ask the agent something beside the conversation, also while a turn runs',
        errors: ['aside_unavailable', 'agent_failed', 'chat_elsewhere', 'model_error', 'workspace_missing'],
        responses: { 200: { description: 'The answer, which is not stored.', schema: asideAnswer } },
      },
      { params: chatPath, body: askAside },
      ({ params, body, request, env }) =>
        patiently(request, env, async (signal) =>
          json(200, { answer: await chats.askAside(params.chatId, body.question, { signal }) }),
        ),
    ),
  ];
}
