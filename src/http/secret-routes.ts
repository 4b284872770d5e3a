import { z } from 'zod';
import type { SecretsApi } from '../chats/secrets/secrets.ts';
import { BooError } from '../protocol/error.ts';
import {
  rekeyedSecrets,
  rekeySecrets,
  secret,
  secretLimits,
  secretList,
  setSecret,
  useSecret,
} from '../protocol/secret.ts';
import { chatPath, uuid } from './parameters.ts';
import { json, route, type Route } from './route.ts';

const nothing = (): Response => new Response(null, { status: 204 });
const secretPath = z.strictObject({ secretId: uuid });
const ofChatPath = chatPath.extend({ secretId: uuid });

/** No answer has a value, and the audit log has names. */
export function secretRoutes(all: SecretsApi | undefined): Route[] {
  const secrets = (): SecretsApi => all ?? none();
  return [
    route(
      {
        id: 'listSecrets',
        method: 'GET',
        path: '/v1/secrets',
        policy: 'bearer',
        role: 'member',
        summary: 'List your secrets and those of directories, without their values; owners list everybody’s',
        responses: { 200: { description: 'By name.', schema: secretList } },
      },
      {},
      async ({ actor }) => json(200, { items: await secrets().list(actor.principal) }),
    ),
    route(
      {
        id: 'setSecret',
        method: 'POST',
        path: '/v1/secrets',
        policy: 'bearer',
        role: 'member',
        summary: 'Set a secret of yours, or as an owner one of a directory; the value is never shown again',
        errors: ['forbidden', 'cwd_invalid', 'config_invalid'],
        // Each character may be escaped.
        bodyLimitBytes: secretLimits.most * 6 + 16_384,
        responses: {
          200: { description: 'It has this value now. Agents that run get it when they start again.', schema: secret },
        },
      },
      { body: setSecret },
      async ({ actor, body, trail }) => {
        const set = await secrets().set(actor.principal, body);
        trail.tell({
          details: { secretId: set.id, secret: set.name, ...(set.directory !== null && { of: 'directory' }) },
        });
        return json(200, set);
      },
    ),
    route(
      {
        id: 'removeSecret',
        method: 'DELETE',
        path: '/v1/secrets/{secretId}',
        policy: 'bearer',
        role: 'member',
        summary: 'Remove a secret of yours, or anybody’s or a directory’s if you are an owner',
        errors: ['forbidden'],
        responses: { 204: { description: 'No agent is started with it any more.' } },
      },
      { params: secretPath },
      async ({ actor, params, trail }) => {
        const { name } = await secrets().remove(actor.principal, params.secretId);
        trail.tell({ details: { secret: name } });
        return nothing();
      },
    ),
    route(
      {
        id: 'rekeySecrets',
        method: 'POST',
        path: '/v1/secrets/rekey',
        policy: 'bearer',
        role: 'owner',
        summary: 'Encrypt all secrets with another key: a fresh one, or the first one in the key file',
        errors: ['agent_failed', 'config_invalid'],
        responses: {
          200: { description: 'How many. Every host needs the file as it is now.', schema: rekeyedSecrets },
        },
      },
      { body: rekeySecrets },
      async ({ body }) => json(200, await secrets().rekey(body)),
    ),
    route(
      {
        id: 'listChatSecrets',
        method: 'GET',
        path: '/v1/chats/{chatId}/secrets',
        policy: 'bearer',
        byHolder: true,
        role: 'viewer',
        summary: 'List the secrets that a chat’s agent is started with, without their values',
        responses: { 200: { description: 'By name.', schema: secretList } },
      },
      { params: chatPath },
      async ({ params }) => json(200, { items: await secrets().listOf(params.chatId) }),
    ),
    route(
      {
        id: 'useSecret',
        method: 'POST',
        path: '/v1/chats/{chatId}/secrets',
        policy: 'bearer',
        byHolder: true,
        role: 'member',
        summary: 'Give a secret of yours to a chat: whoever prompts the chat can use it there',
        responses: {
          200: { description: 'What its agent gets, which starts again for its next turn.', schema: secretList },
        },
      },
      { params: chatPath, body: useSecret },
      async ({ actor, params, body, trail }) => {
        trail.tell({ details: { secret: body.name } });
        return json(200, { items: await secrets().choose(actor.principal, params.chatId, body.name) });
      },
    ),
    route(
      {
        id: 'dropSecret',
        method: 'DELETE',
        path: '/v1/chats/{chatId}/secrets/{secretId}',
        policy: 'bearer',
        byHolder: true,
        role: 'member',
        summary: 'Take a secret of yours from a chat, or anybody’s if you are an owner',
        responses: { 204: { description: 'Its agent starts again without it for its next turn.' } },
      },
      { params: ofChatPath },
      async ({ actor, params, trail }) => {
        const { name } = await secrets().drop(actor.principal, params.chatId, params.secretId);
        trail.tell({ details: { secret: name } });
        return nothing();
      },
    ),
  ];
}

function none(): never {
  throw new BooError('backend_unavailable', 'This server keeps no secrets.');
}
