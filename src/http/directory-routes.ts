import { z } from 'zod';
import type { Chats } from '../chats/chats.ts';
import { directoryList } from '../protocol/directory.ts';
import { json, route, type Route } from './route.ts';

const path = z
  .string()
  .max(4096)
  .refine((value) => !value.includes('\u0000'), 'must not contain a NUL character');

export function directoryRoutes(chats: Chats): Route[] {
  return [
    route(
      {
        id: 'listDirectories',
        method: 'GET',
        path: '/v1/directories',
        policy: 'bearer',
        role: 'member',
        summary:
          'List directories on the server whose paths start with a prefix, for completion; for an empty one, those in the home directory',
        responses: {
          200: {
            description: 'Hidden directories are included only if the last name of the path starts with a dot.',
            schema: directoryList,
          },
        },
      },
      { query: z.strictObject({ path: path.optional() }) },
      async ({ query }) => json(200, await chats.listDirectories(query.path ?? '')),
    ),
  ];
}
