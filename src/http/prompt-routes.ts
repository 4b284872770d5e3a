import type { Chats } from '../chats/chats.ts';
import { interruptResult, receipt, submitPrompt } from '../protocol/prompt.ts';
import { chatPath } from './parameters.ts';
import { json, route, type Route } from './route.ts';

export function promptRoutes(chats: Chats): Route[] {
  return [
    route(
      {
        method: 'POST',
        path: '/v1/chats/{chatId}/prompts',
        policy: 'bearer',
        summary: 'Send a prompt; with an id of the client’s own it can be sent again without harm',
        responses: {
          202: { description: 'The prompt is stored and will be taken in its turn.', schema: receipt },
          200: { description: 'This prompt was stored before; the same receipt.', schema: receipt },
        },
      },
      { params: chatPath, body: submitPrompt },
      async ({ params, body }) => {
        const result = await chats.submitPrompt(params.chatId, body);
        return json(result.created ? 202 : 200, result.receipt);
      },
    ),
    route(
      {
        method: 'POST',
        path: '/v1/chats/{chatId}/interrupt',
        policy: 'bearer',
        summary: 'Interrupt the running turn',
        responses: { 200: { description: 'Whether a turn was running, and which.', schema: interruptResult } },
      },
      { params: chatPath },
      async ({ params }) => json(200, await chats.interrupt(params.chatId)),
    ),
  ];
}
