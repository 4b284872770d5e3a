import { z } from 'zod';
import type { Chats } from '../chats/chats.ts';
import type { Sharing } from '../chats/sharing.ts';
import {
  branchList,
  mergeWorktree,
  rebaseWorktree,
  removedWorktree,
  worktreeList,
  worktreeResult,
} from '../protocol/worktree.ts';
import { silently } from './patiently.ts';
import { chatPath } from './parameters.ts';
import { json, route, type Route } from './route.ts';

const errors = ['worktree_refused', 'chat_busy', 'chat_elsewhere', 'workspace_missing'] as const;

/** Although something would be lost: whatever it is, or only what a refusal has named, by its `shown`. */
const discard = z
  .string()
  .regex(/^(?:true|false|[0-9a-f]{64})$/, 'must be true, false, or the shown of a refusal')
  .default('false');

const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !value.includes('\u0000'), 'must not contain a NUL character');

export function worktreeRoutes({ worktrees }: Pick<Chats, 'worktrees'>, sharing?: Sharing): Route[] {
  return [
    route(
      {
        id: 'mergeWorktree',
        method: 'POST',
        path: '/v1/chats/{chatId}/worktree/merge',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Merge the branch of the chat’s worktree into the branch that it was made from',
        errors: [...errors],
        responses: {
          200: { description: 'It is merged. If it is refused, nothing has changed.', schema: worktreeResult },
        },
      },
      { params: chatPath, body: mergeWorktree },
      async ({ params, body, actor, env }) =>
        json(200, await silently(env, () => worktrees.merge(actor, params.chatId, body))),
    ),
    route(
      {
        id: 'rebaseWorktree',
        method: 'POST',
        path: '/v1/chats/{chatId}/worktree/rebase',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Rebase the branch of the chat’s worktree onto the branch that it was made from',
        errors: [...errors],
        responses: {
          200: { description: 'It is rebased. If it is refused, nothing has changed.', schema: worktreeResult },
        },
      },
      { params: chatPath, body: rebaseWorktree },
      async ({ params, body, actor, env }) =>
        json(200, await silently(env, () => worktrees.rebase(actor, params.chatId, body))),
    ),
    route(
      {
        id: 'releaseWorktree',
        method: 'POST',
        path: '/v1/chats/{chatId}/worktree/release',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Remove the chat’s worktree and keep its branch, unless something would be lost',
        errors: [...errors],
        responses: { 200: { description: 'The worktree is gone, and the branch is there.', schema: removedWorktree } },
      },
      { params: chatPath },
      async ({ params, actor, env }) => {
        const release = () => worktrees.remove(actor, params.chatId, { keepsBranch: true, discards: false });
        return json(200, await silently(env, release));
      },
    ),
    route(
      {
        id: 'removeWorktree',
        method: 'DELETE',
        path: '/v1/chats/{chatId}/worktree',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary:
          'Remove the worktree of a chat, or of one that was deleted, with its branch, unless something would be lost',
        errors: [...errors],
        responses: { 200: { description: 'The worktree and its branch are gone.', schema: removedWorktree } },
      },
      { params: chatPath, query: z.strictObject({ discard }) },
      async ({ params, query, actor, env }) => {
        const discards = query.discard === 'true' || (query.discard !== 'false' && query.discard);
        const remove = () => worktrees.remove(actor, params.chatId, { keepsBranch: false, discards });
        return json(200, await silently(env, remove));
      },
    ),
    route(
      {
        id: 'listWorktrees',
        method: 'GET',
        path: '/v1/worktrees',
        policy: 'bearer',
        role: 'viewer',
        summary: 'List the worktrees that were made for chats, also for deleted ones, and what would be lost with each',
        responses: { 200: { description: 'Newest first.', schema: worktreeList } },
      },
      { query: z.strictObject({ making: z.enum(['true', 'false']).default('false') }) },
      async ({ query, actor }) => {
        const items = await worktrees.list({ making: query.making === 'true' });
        const chatIds = items.map(({ chatId }) => chatId);
        const visible = await sharing?.onlyVisible(actor.principal, chatIds);
        // Those of deleted chats are for owners.
        return json(200, { items: visible ? items.filter(({ chatId }) => visible.has(chatId)) : items });
      },
    ),
    route(
      {
        id: 'listBranches',
        method: 'GET',
        path: '/v1/branches',
        policy: 'bearer',
        role: 'member',
        summary:
          'List the branches and tags of the repository of a directory on the server whose names contain a text, for completion',
        errors: ['worktree_refused'],
        responses: {
          200: {
            description: 'What a worktree can be made from there; nothing if the directory is in no repository.',
            schema: branchList,
          },
        },
      },
      { query: z.strictObject({ directory: text(4096).default(''), q: text(250).default('') }) },
      async ({ query }) => json(200, await worktrees.branches(query.directory, query.q)),
    ),
  ];
}
