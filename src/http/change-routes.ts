import { z } from 'zod';
import type { Chats } from '../chats/chats.ts';
import { changeDiff, changeList, since } from '../protocol/changes.ts';
import { chatPath } from './parameters.ts';
import { json, route, type Route } from './route.ts';

const sinceWhen = since.default('start');
const filePath = z
  .string()
  .min(1)
  .max(4096)
  .refine((value) => !value.includes('\u0000'), 'must not contain a NUL character');

const diffQuery = z
  .strictObject({
    since: sinceWhen,
    path: filePath.optional(),
    pathBytes: z
      .string()
      .regex(/^[\w-]{2,8192}$/, 'must be a pathBytes of GET …/changes')
      .optional(),
    tree: z
      .string()
      .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'must be a tree of GET …/changes')
      .optional(),
  })
  .refine(({ path, pathBytes }) => path === undefined || pathBytes === undefined, {
    path: ['pathBytes'],
    message: 'must not be given together with path',
  });

export function changeRoutes({ changes }: Pick<Chats, 'changes'>): Route[] {
  return [
    route(
      {
        id: 'listChanges',
        method: 'GET',
        path: '/v1/chats/{chatId}/changes',
        policy: 'bearer',
        byHolder: true,
        summary: 'List the files that have changed in the chat’s repository',
        errors: ['changes_unavailable', 'workspace_missing'],
        responses: {
          200: { description: 'The files, and what their working tree was compared with.', schema: changeList },
        },
      },
      { params: chatPath, query: z.strictObject({ since: sinceWhen }) },
      async ({ params, query }) => json(200, await changes.list(params.chatId, query.since)),
    ),
    route(
      {
        id: 'readChangesDiff',
        method: 'GET',
        path: '/v1/chats/{chatId}/changes/diff',
        policy: 'bearer',
        byHolder: true,
        summary: 'Read the unified diff of one changed file, or of all',
        errors: ['changes_unavailable', 'workspace_missing'],
        responses: { 200: { description: 'The diff, at most 1 MB of one file and 4 MB of all.', schema: changeDiff } },
      },
      { params: chatPath, query: diffQuery },
      async ({ params, query }) => json(200, await changes.diff(params.chatId, query)),
    ),
  ];
}
