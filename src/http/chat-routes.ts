import { z } from 'zod';
import type { Chats } from '../chats/chats.ts';
import { visibleTo } from '../chats/sharing.ts';
import { chat, chatPage, createChat, patchChat } from '../protocol/chat.ts';
import { chatTrust, giveTrust } from '../protocol/trust.ts';
import { chatPath, pageCursor, pageLimit } from './parameters.ts';
import { patiently } from './patiently.ts';
import { json, route, type Route } from './route.ts';

/** Text to find in chats' titles or messages. */
const searchText = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .refine((value) => !value.includes('\u0000'), 'must not contain a NUL character');

export function chatRoutes(chats: Chats): Route[] {
  return [
    route(
      {
        id: 'createChat',
        method: 'POST',
        path: '/v1/chats',
        policy: 'bearer',
        role: 'member',
        quota: 'chats',
        summary: 'Create a chat about one working directory',
        errors: ['cwd_invalid', 'backend_unavailable', 'trust_refused', 'worktree_refused'],
        responses: { 201: { description: 'The new chat; Location is its address.', schema: chat } },
      },
      { body: createChat },
      ({ body, actor, request, env }) =>
        patiently(request, env, async (signal) => {
          const created = await chats.createChat(body, { actor, signal });
          return json(201, created, { location: `/v1/chats/${created.id}` });
        }),
    ),
    route(
      {
        id: 'listChats',
        method: 'GET',
        path: '/v1/chats',
        policy: 'bearer',
        role: 'viewer',
        summary: 'List the chats, newest first, or search them',
        responses: {
          200: { description: 'A page; pass its `next` as `after` for the next one.', schema: chatPage },
        },
      },
      {
        query: z.strictObject({
          after: pageCursor.optional(),
          limit: pageLimit(200, 50),
          archived: z.enum(['true', 'false', 'any']).default('any'),
          group: z.uuid().toLowerCase().optional(),
          q: searchText.optional(),
        }),
      },
      async ({ query: { archived, ...query }, actor, request: { signal } }) =>
        json(
          200,
          await chats.listChats({
            ...query,
            archived: archived === 'any' ? undefined : archived === 'true',
            visibleTo: visibleTo(actor.principal),
            signal,
          }),
        ),
    ),
    route(
      {
        id: 'getChat',
        method: 'GET',
        path: '/v1/chats/{chatId}',
        policy: 'bearer',
        role: 'viewer',
        byHolder: true,
        summary: 'Read one chat',
        responses: { 200: { description: 'The chat.', schema: chat } },
      },
      { params: chatPath },
      async ({ params }) => json(200, await chats.getChat(params.chatId)),
    ),
    route(
      {
        id: 'updateChat',
        method: 'PATCH',
        path: '/v1/chats/{chatId}',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Change a chat’s title, model, permission mode, trust or pin, or flip it to another backend',
        errors: [
          'chat_busy',
          'chat_elsewhere',
          'backend_unavailable',
          'trust_refused',
          'cwd_invalid',
          'workspace_missing',
        ],
        responses: {
          200: {
            description:
              'The updated chat. A flip with `"running": "finish"` responds once it is done, and is canceled if the client hangs up before.',
            schema: chat,
          },
        },
      },
      { params: chatPath, body: patchChat },
      ({ params, body, actor, request, env }) =>
        patiently(request, env, async (signal) =>
          json(200, await chats.patchChat(actor, params.chatId, body, { signal })),
        ),
    ),
    route(
      {
        id: 'getTrust',
        method: 'GET',
        path: '/v1/chats/{chatId}/trust',
        policy: 'bearer',
        role: 'viewer',
        byHolder: true,
        summary: 'Show what the chat’s directory turns on when it is trusted, and what has changed since it was',
        errors: ['cwd_invalid', 'workspace_missing'],
        responses: { 200: { description: 'All relevant files, with their texts.', schema: chatTrust } },
      },
      { params: chatPath },
      async ({ params }) => json(200, await chats.readTrust(params.chatId)),
    ),
    route(
      {
        id: 'giveTrust',
        method: 'POST',
        path: '/v1/chats/{chatId}/trust',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Trust exactly this content of the chat’s directory',
        errors: ['trust_refused', 'cwd_invalid', 'chat_elsewhere', 'workspace_missing'],
        responses: { 200: { description: 'The directory is trusted from the next turn on.', schema: chatTrust } },
      },
      { params: chatPath, body: giveTrust },
      async ({ params, body, actor }) => json(200, await chats.giveTrust(actor, params.chatId, body)),
    ),
    route(
      {
        id: 'deleteChat',
        forOwnerOfChat: true,
        method: 'DELETE',
        path: '/v1/chats/{chatId}',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Delete a chat and everything said in it',
        errors: ['chat_elsewhere'],
        responses: { 204: { description: 'The chat is gone.' } },
      },
      { params: chatPath },
      async ({ params, actor }) => {
        await chats.deleteChat(actor, params.chatId);
        return new Response(null, { status: 204 });
      },
    ),
  ];
}
