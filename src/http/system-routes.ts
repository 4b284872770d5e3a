import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Chats } from '../chats/chats.ts';
import { BooError } from '../protocol/error.ts';
import {
  type Health,
  health,
  type HealthReason,
  info,
  signIn,
  signInLink,
  signInResult,
  unavailable,
} from '../protocol/info.ts';
import { json, route, type Route } from './route.ts';
import { deviceLabel } from './device-label.ts';
import { makeSignInLink, urlFor, type SignInLinksOptions } from './sign-in-links.ts';

// The same number of levels up from src/http and from dist/http.
const openApiFile = new URL('../../openapi.json', import.meta.url);

const text = (contentType: string, body: string | Uint8Array<ArrayBuffer>): Response =>
  new Response(body, { headers: { 'content-type': `${contentType}; charset=utf-8` } });

export function systemRoutes(chats: Chats, door: { basePath?: string } & SignInLinksOptions): Route[] {
  // Anyone may ask, so concurrent requests share one database query.
  let asking: Promise<HealthReason | null> | undefined;
  const ask = (): Promise<HealthReason | null> =>
    (asking ??= chats.health().finally(() => {
      asking = undefined;
    }));
  return [
    route(
      {
        id: 'getHealth',
        method: 'GET',
        path: '/healthz',
        policy: 'open',
        summary: 'Check whether the server is healthy',
        responses: {
          200: { description: 'It can.', schema: health },
          503: { description: 'It is not healthy, and why.', schema: health },
        },
      },
      {},
      async () => {
        const reason = await ask();
        return reason ? json(503, unavailable(reason)) : json(200, { name: 'boocode', status: 'ok' } satisfies Health);
      },
    ),
    route(
      {
        id: 'getInfo',
        method: 'GET',
        path: '/v1/info',
        policy: 'bearer',
        role: 'viewer',
        summary: 'Describe this server and its backends',
        responses: { 200: { description: 'The server.', schema: info } },
      },
      {},
      () => json(200, chats.info()),
    ),
    route(
      {
        id: 'getOpenApi',
        method: 'GET',
        path: '/v1/openapi.json',
        policy: 'bearer',
        role: 'viewer',
        summary: 'This document',
        responses: { 200: { description: 'OpenAPI 3.1.', schema: z.record(z.string(), z.unknown()) } },
      },
      {},
      async () => text('application/json', await readFile(openApiFile)),
    ),
    route(
      {
        id: 'createSignInLink',
        method: 'POST',
        path: '/v1/sign-in-links',
        policy: 'bearer',
        role: 'viewer',
        summary: 'Create a link that signs another browser of yours in, once, within ten minutes',
        responses: { 201: { description: 'The link.', schema: signInLink } },
      },
      {},
      async ({ request, env, grant }) => {
        const { link, stored } = makeSignInLink(door, grant, urlFor(request, env.proto, door.basePath));
        await stored;
        // Only the caller may store it.
        return json(201, link, { 'cache-control': 'no-store' });
      },
    ),
    route(
      {
        id: 'signIn',
        method: 'POST',
        path: '/v1/sign-in',
        policy: 'code',
        summary: 'Exchange the one-use code of a sign-in link for a token of this browser',
        errors: ['unauthorized', 'too_many_attempts'],
        // The only body that is read before a credential was shown.
        bodyLimitBytes: 1024,
        responses: { 200: { description: 'The token.', schema: signInResult } },
      },
      { body: signIn },
      async ({ body, request, trail }) => {
        const signedIn = await door.codes.redeem(body.code, deviceLabel(request));
        if (signedIn) {
          trail.tell({ person: signedIn.principal });
          return json(200, { token: signedIn.token }, { 'cache-control': 'no-store' });
        }
        throw new BooError('unauthorized', 'code: is unknown, already used, or older than ten minutes.', {
          details: { field: 'code' },
        });
      },
    ),
  ];
}
