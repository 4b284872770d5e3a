import { z } from 'zod';
import type { Chats } from '../chats/chats.ts';
import {
  changeDiff,
  changeList,
  changesNews,
  commitChanges,
  committedChanges,
  discardChange,
  discardedChange,
  since,
  stageChanges,
  stagedChanges,
  undoDiscard,
  undoneDiscard,
} from '../protocol/changes.ts';
import { type FeedOptions, streamed } from './event-routes.ts';
import { newsStream } from './news-stream.ts';
import { silently } from './patiently.ts';
import { chatPath } from './parameters.ts';
import { json, largeBodyBytes, route, type Route, smallBodyBytes } from './route.ts';

const sinceWhen = since.default('start');
const yesOrNo = z.enum(['true', 'false']).default('false');
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
    ignored: yesOrNo,
  })
  .refine(({ path, pathBytes }) => path === undefined || pathBytes === undefined, {
    path: ['pathBytes'],
    message: 'must not be given together with path',
  });

const writeErrors = ['changes_unavailable', 'change_refused', 'workspace_missing'] as const;

export function changeRoutes(
  { changes }: Pick<Chats, 'changes'>,
  { keepAliveMs, clock }: Omit<FeedOptions, 'log'>,
): Route[] {
  return [
    route(
      {
        id: 'listChanges',
        method: 'GET',
        path: '/v1/chats/{chatId}/changes',
        policy: 'bearer',
        role: 'viewer',
        byHolder: 'only',
        summary: 'List the files that have changed in the chat’s repository',
        errors: ['changes_unavailable', 'workspace_missing'],
        responses: {
          200: { description: 'The files, and what their working tree was compared with.', schema: changeList },
        },
      },
      { params: chatPath, query: z.strictObject({ since: sinceWhen, by: yesOrNo, ignored: yesOrNo }) },
      async ({ params, query }) =>
        json(
          200,
          await changes.list(params.chatId, query.since, {
            by: query.by === 'true',
            ignored: query.ignored === 'true',
          }),
        ),
    ),
    route(
      {
        id: 'readChangesDiff',
        method: 'GET',
        path: '/v1/chats/{chatId}/changes/diff',
        policy: 'bearer',
        role: 'viewer',
        byHolder: 'only',
        summary: 'Read the unified diff of one changed file, or of all',
        errors: ['changes_unavailable', 'workspace_missing'],
        responses: { 200: { description: 'The diff, at most 1 MB of one file and 4 MB of all.', schema: changeDiff } },
      },
      { params: chatPath, query: diffQuery },
      async ({ params, query }) =>
        json(200, await changes.diff(params.chatId, { ...query, ignored: query.ignored === 'true' })),
    ),
    route(
      {
        id: 'watchChanges',
        method: 'GET',
        path: '/v1/chats/{chatId}/changes/watch',
        policy: 'bearer',
        role: 'viewer',
        byHolder: 'only',
        quota: 'feeds',
        summary: 'Be told when something changes in the chat’s repository',
        errors: ['changes_unavailable', 'workspace_missing'],
        responses: {
          200: {
            description:
              'Server-sent events named `changes` with JSON data (ChangesNews): one at once, and one whenever the files, ' +
              'what is staged or the commit has changed. It ends when the chat is deleted and when the server stops.',
            contentType: 'text/event-stream',
            schema: changesNews,
          },
        },
      },
      { params: chatPath },
      async ({ params, request, env }) => {
        const headers = { 'content-type': 'text/event-stream', ...streamed };
        // Nobody reads the body of an answer to HEAD.
        if (request.method !== 'GET') return new Response(null, { headers });
        const news = newsStream({ keepAliveMs, clock });
        const watching = changes.watch(params.chatId, { onChange: news.write, onEnd: news.end });
        const close = await watching.catch((error: unknown) => {
          news.end();
          throw error;
        });
        const forget = env.openFeeds?.add(news.end);
        news.onEnd(() => {
          close();
          forget?.();
        });
        return new Response(news.body, { headers });
      },
    ),
    route(
      {
        id: 'stageChanges',
        method: 'POST',
        path: '/v1/chats/{chatId}/changes/stage',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Stage files as they are in the working tree',
        bodyLimitBytes: largeBodyBytes,
        errors: writeErrors,
        responses: { 200: { description: 'They are staged.', schema: stagedChanges } },
      },
      { params: chatPath, body: stageChanges },
      async ({ params, body }) => json(200, await changes.stage(params.chatId, body)),
    ),
    route(
      {
        id: 'unstageChanges',
        method: 'POST',
        path: '/v1/chats/{chatId}/changes/unstage',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Take files out of what is staged',
        bodyLimitBytes: largeBodyBytes,
        errors: writeErrors,
        responses: { 200: { description: 'Nothing of them is staged any more.', schema: stagedChanges } },
      },
      { params: chatPath, body: stageChanges },
      async ({ params, body }) => json(200, await changes.unstage(params.chatId, body)),
    ),
    route(
      {
        id: 'discardChange',
        method: 'POST',
        path: '/v1/chats/{chatId}/changes/discard',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Put a file, or some hunks of it, back to what it was',
        bodyLimitBytes: smallBodyBytes,
        errors: writeErrors,
        responses: { 200: { description: 'What gives back what was discarded.', schema: discardedChange } },
      },
      { params: chatPath, body: discardChange },
      async ({ params, body }) => json(200, await changes.discard(params.chatId, body)),
    ),
    route(
      {
        id: 'undoDiscard',
        method: 'POST',
        path: '/v1/chats/{chatId}/changes/undo',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Give back what was discarded',
        bodyLimitBytes: smallBodyBytes,
        errors: writeErrors,
        responses: { 200: { description: 'The files that are again as they were.', schema: undoneDiscard } },
      },
      { params: chatPath, body: undoDiscard },
      async ({ params, body }) => json(200, await changes.undo(params.chatId, body)),
    ),
    route(
      {
        id: 'commitChanges',
        method: 'POST',
        path: '/v1/chats/{chatId}/changes/commit',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Commit what is staged, or exactly some files',
        bodyLimitBytes: largeBodyBytes,
        errors: writeErrors,
        responses: { 200: { description: 'The commit.', schema: committedChanges } },
      },
      { params: chatPath, body: commitChanges },
      async ({ params, body, env }) => json(200, await silently(env, () => changes.commit(params.chatId, body))),
    ),
  ];
}
