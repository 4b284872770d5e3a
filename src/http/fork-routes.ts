import type { Chats } from '../chats/chats.ts';
import { chat, forkChat } from '../protocol/chat.ts';
import { chatPath } from './parameters.ts';
import { patiently } from './patiently.ts';
import { json, route, type Route } from './route.ts';

export function forkRoutes(chats: Chats): Route[] {
  return [
    route(
      {
        id: 'forkChat',
        method: 'POST',
        path: '/v1/chats/{chatId}/fork',
        policy: 'bearer',
        role: 'member',
        byHolder: 'if_missing',
        errors: ['chat_busy', 'worktree_refused', 'changes_unavailable', 'workspace_missing'],
        quota: 'chats',
        summary: 'Fork a chat: a new one begins with everything that was said up to the end of a turn',
        responses: { 201: { description: 'The new chat; Location is its address.', schema: chat } },
      },
      { params: chatPath, body: forkChat },
      ({ params, body, actor, request, env }) =>
        patiently(request, env, async (signal) => {
          const forked = await chats.forkChat(actor, params.chatId, body, signal);
          return json(201, forked, { location: `/v1/chats/${forked.id}` });
        }),
    ),
  ];
}
