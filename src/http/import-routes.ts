import { z } from 'zod';
import type { Chats } from '../chats/chats.ts';
import { chat } from '../protocol/chat.ts';
import { beginImport, importLines, importProgress, sessionImport } from '../protocol/import.ts';
import { uuid } from './parameters.ts';
import { json, largeBodyBytes, route, type Route } from './route.ts';

const importPath = z.strictObject({ importId: uuid });
const nothing = (): Response => new Response(null, { status: 204 });

export function importRoutes(chats: Chats): Route[] {
  return [
    route(
      {
        id: 'beginImport',
        method: 'POST',
        path: '/v1/imports',
        policy: 'bearer',
        role: 'owner',
        summary: 'Start to import a session from elsewhere',
        errors: ['cwd_invalid', 'backend_unavailable', 'session_taken', 'chat_busy', 'trust_refused'],
        responses: {
          201: {
            description: 'Send its lines, then finish it. An unfinished import of the same session starts over.',
            schema: sessionImport,
          },
        },
      },
      { body: beginImport },
      async ({ body, actor }) => {
        const begun = await chats.beginImport(body, actor);
        return json(201, begun, { location: `/v1/imports/${begun.id}` });
      },
    ),
    route(
      {
        id: 'readImport',
        method: 'GET',
        path: '/v1/imports/{importId}',
        policy: 'bearer',
        role: 'owner',
        summary: 'Get the progress of an import',
        responses: {
          200: { description: 'The progress. A finished import no longer exists.', schema: importProgress },
        },
      },
      { params: importPath },
      async ({ params }) => json(200, await chats.readImport(params.importId)),
    ),
    route(
      {
        id: 'addImportLines',
        method: 'POST',
        path: '/v1/imports/{importId}/lines',
        policy: 'bearer',
        role: 'owner',
        summary: 'Add lines to a transcript of an import, in order, each once',
        bodyLimitBytes: largeBodyBytes,
        responses: { 204: { description: 'The lines are stored.' } },
      },
      { params: importPath, body: importLines },
      async ({ params, body }) => {
        await chats.addImportLines(params.importId, body);
        return nothing();
      },
    ),
    route(
      {
        id: 'finishImport',
        method: 'POST',
        path: '/v1/imports/{importId}/finish',
        policy: 'bearer',
        role: 'owner',
        quota: 'chats',
        summary: 'Turn an import into a chat',
        errors: ['session_taken', 'chat_busy'],
        responses: { 201: { description: 'The chat, with the session’s conversation in its log.', schema: chat } },
      },
      { params: importPath },
      async ({ params }) => {
        const made = await chats.finishImport(params.importId);
        return json(201, made, { location: `/v1/chats/${made.id}` });
      },
    ),
    route(
      {
        id: 'removeImport',
        method: 'DELETE',
        path: '/v1/imports/{importId}',
        policy: 'bearer',
        role: 'owner',
        summary: 'Delete an unfinished import',
        responses: { 204: { description: 'The import is deleted.' } },
      },
      { params: importPath },
      async ({ params }) => {
        await chats.removeImport(params.importId);
        return nothing();
      },
    ),
  ];
}
