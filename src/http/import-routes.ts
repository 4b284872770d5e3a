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
        summary: 'Begin to bring a session here that was begun elsewhere',
        errors: ['cwd_invalid', 'backend_unavailable', 'session_taken', 'chat_busy', 'trust_refused'],
        responses: {
          201: {
            description: 'Send its lines, then finish it. One of the same session is begun anew.',
            schema: sessionImport,
          },
        },
      },
      { body: beginImport },
      async ({ body }) => {
        const begun = await chats.beginImport(body);
        return json(201, begun, { location: `/v1/imports/${begun.id}` });
      },
    ),
    route(
      {
        id: 'readImport',
        method: 'GET',
        path: '/v1/imports/{importId}',
        policy: 'bearer',
        summary: 'How far an import is',
        responses: { 200: { description: 'Not there any more once it is a chat.', schema: importProgress } },
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
        summary: 'Add lines to a transcript of an import, in their order and each once',
        bodyLimitBytes: largeBodyBytes,
        responses: { 204: { description: 'They are stored.' } },
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
        summary: 'Make a chat of an import',
        errors: ['session_taken', 'chat_busy'],
        responses: { 201: { description: 'The chat; what was said in the session stands in its log.', schema: chat } },
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
        summary: 'Remove an import that is not finished',
        responses: { 204: { description: 'Nothing is left of it.' } },
      },
      { params: importPath },
      async ({ params }) => {
        await chats.removeImport(params.importId);
        return nothing();
      },
    ),
  ];
}
