import { z } from 'zod';
import type { Chats } from '../chats/chats.ts';
import { directoryList } from '../protocol/directory.ts';
import { json, route, type Route } from './route.ts';

const path = z
  .string()
  .max(4096)
  .refine((value) => !value.includes('\u0000'), 'must not hold a NUL character');

export function directoryRoutes(chats: Chats): Route[] {
  return [
    route(
      {
        id: 'listDirectories',
        method: 'GET',
        path: '/v1/directories',
        policy: 'bearer',
        summary: 'Directories on the server whose paths begin with this, for completion; of nothing, those at home',
        responses: {
          200: {
            description: 'Hidden ones are among them only where the last name of the path begins with a dot.',
            schema: directoryList,
          },
        },
      },
      { query: z.strictObject({ path: path.optional() }) },
      async ({ query }) => json(200, await chats.listDirectories(query.path ?? '')),
    ),
  ];
}
