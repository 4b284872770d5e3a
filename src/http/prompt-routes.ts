import type { Chats } from '../chats/chats.ts';
import {
  interruptResult,
  movePrompt,
  receipt,
  rewindChat,
  rewindResult,
  submitPrompt,
  waitingPromptList,
} from '../protocol/prompt.ts';
import { chatPath, promptPath } from './parameters.ts';
import { json, largeBodyBytes, route, type Route } from './route.ts';

export function promptRoutes(chats: Chats): Route[] {
  return [
    route(
      {
        method: 'POST',
        path: '/v1/chats/{chatId}/prompts',
        policy: 'bearer',
        summary: 'Send a prompt; with an id of the client’s own it can be sent again without harm',
        bodyLimitBytes: largeBodyBytes,
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
        method: 'GET',
        path: '/v1/chats/{chatId}/prompts',
        policy: 'bearer',
        summary: 'List the prompts that wait, in the order in which they will be taken',
        responses: { 200: { description: 'All of them.', schema: waitingPromptList } },
      },
      { params: chatPath },
      async ({ params }) => json(200, await chats.listPrompts(params.chatId)),
    ),
    route(
      {
        method: 'DELETE',
        path: '/v1/chats/{chatId}/prompts/{promptId}',
        policy: 'bearer',
        summary: 'Cancel a prompt that waits',
        responses: { 204: { description: 'It will not be taken.' } },
      },
      { params: promptPath },
      async ({ params }) => {
        await chats.cancelPrompt(params.chatId, params.promptId);
        return new Response(null, { status: 204 });
      },
    ),
    route(
      {
        method: 'PATCH',
        path: '/v1/chats/{chatId}/prompts/{promptId}',
        policy: 'bearer',
        summary: 'Move a prompt that waits before another one, or to the end',
        responses: { 200: { description: 'All that wait, in their new order.', schema: waitingPromptList } },
      },
      { params: promptPath, body: movePrompt },
      async ({ params, body }) => json(200, await chats.movePrompt(params.chatId, params.promptId, body)),
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
    route(
      {
        method: 'POST',
        path: '/v1/chats/{chatId}/rewind',
        policy: 'bearer',
        summary: 'Take prompts back: the agent goes on as before them; the log and all files stay as they are',
        responses: { 200: { description: 'The prompts that the agent has forgotten.', schema: rewindResult } },
      },
      { params: chatPath, body: rewindChat },
      async ({ params, body }) => json(200, await chats.rewind(params.chatId, body)),
    ),
  ];
}
