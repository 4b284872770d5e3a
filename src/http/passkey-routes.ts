import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import type { PasskeysApi } from '../people/passkeys.ts';
import { BooError } from '../protocol/error.ts';
import { signInResult } from '../protocol/info.ts';
import { addPasskey, passkey, passkeyList, passkeyQuestion, signInWithPasskey } from '../protocol/passkey.ts';
import { deviceLabel } from './device-label.ts';
import { minuteMs, MinuteTally } from './minute-tally.ts';
import { uuid } from './parameters.ts';
import { json, route, type Route } from './route.ts';

interface PasskeyRouteOptions {
  clock: Clock;
  /** Sign-ins that one source may begin in a minute: each is stored. */
  beginsPerSource: number;
}

const secret = { 'cache-control': 'no-store' };

export function passkeyRoutes(all: PasskeysApi | undefined, { clock, beginsPerSource }: PasskeyRouteOptions): Route[] {
  const passkeys = (): PasskeysApi => all ?? none();
  const begun = new MinuteTally<string>({ clock, others: 'others', onFirst() {}, onMinute() {} });
  return [
    route(
      {
        id: 'listPasskeys',
        method: 'GET',
        path: '/v1/passkeys',
        policy: 'bearer',
        role: 'viewer',
        summary: 'List your passkeys; owners may list everybody’s',
        errors: ['forbidden'],
        responses: { 200: { description: 'The newest first.', schema: passkeyList } },
      },
      { query: z.strictObject({ of: z.enum(['me', 'everyone']).optional() }) },
      async ({ grant, query }) =>
        json(200, { items: await passkeys().list(grant, { everyone: query.of === 'everyone' }) }),
    ),
    route(
      {
        id: 'beginPasskey',
        method: 'POST',
        path: '/v1/passkeys/begin',
        policy: 'bearer',
        role: 'viewer',
        summary: 'Ask a browser to make a passkey for you',
        errors: ['forbidden'],
        responses: { 200: { description: 'What the browser needs for that.', schema: passkeyQuestion } },
      },
      {},
      async ({ grant, request }) => json(200, await passkeys().beginAdding(grant, originOf(request)), secret),
    ),
    route(
      {
        id: 'addPasskey',
        method: 'POST',
        path: '/v1/passkeys',
        policy: 'bearer',
        role: 'viewer',
        summary: 'Add the passkey that a browser has made for you',
        errors: ['forbidden', 'not_found'],
        bodyLimitBytes: 32 * 1024,
        responses: { 201: { description: 'The passkey.', schema: passkey } },
      },
      { body: addPasskey },
      async ({ grant, actor, body, request, trail }) => {
        const added = await passkeys().add(grant, actor, body, originOf(request));
        trail.tell({ details: { passkey: added.id } });
        return json(201, added);
      },
    ),
    route(
      {
        id: 'removePasskey',
        method: 'DELETE',
        path: '/v1/passkeys/{passkeyId}',
        policy: 'bearer',
        role: 'viewer',
        errors: ['forbidden'],
        summary: 'Remove a passkey of yours, or anybody’s if you are an owner; who is signed in stays so',
        responses: { 204: { description: 'Nobody can sign in with it any more.' } },
      },
      { params: z.strictObject({ passkeyId: uuid }) },
      async ({ grant, actor, params }) => {
        await passkeys().remove(grant, actor, params.passkeyId);
        return new Response(null, { status: 204 });
      },
    ),
    route(
      {
        id: 'beginPasskeySignIn',
        method: 'POST',
        path: '/v1/sign-in/passkey/begin',
        policy: 'open',
        summary: 'Ask a browser to use a passkey',
        errors: ['not_found', 'too_many_attempts', 'storage_unavailable'],
        responses: { 200: { description: 'What the browser needs for that.', schema: passkeyQuestion } },
      },
      {},
      async ({ request, env }) => {
        const source = env.peer?.source ?? 'unknown';
        if (begun.add(source, source) > beginsPerSource) throw tooMany();
        return json(200, await passkeys().beginSigningIn(originOf(request)), secret);
      },
    ),
    route(
      {
        id: 'signInWithPasskey',
        method: 'POST',
        path: '/v1/sign-in/passkey',
        policy: 'code',
        summary: 'Sign a browser in with what its passkey has signed; returns a token for this browser',
        errors: ['unauthorized', 'too_many_attempts', 'not_found', 'storage_unavailable'],
        bodyLimitBytes: 16 * 1024,
        responses: { 200: { description: 'The token.', schema: signInResult } },
      },
      { body: signInWithPasskey },
      async ({ body, request, trail }) => {
        const signedIn = await passkeys().signIn(body, originOf(request), deviceLabel(request), (facts) =>
          trail.tell(facts),
        );
        return json(200, { token: signedIn.token }, secret);
      },
    ),
  ];
}

/** Of the page that asks. The guard accepts only those of this server, and browsers send it with every POST. */
function originOf({ headers }: Request): string {
  const origin = headers.get('origin');
  if (origin !== null) return origin;
  throw new BooError('invalid_request', 'origin: is missing: passkeys are made and used by browsers.', {
    details: { field: 'origin' },
  });
}

function tooMany(): BooError {
  const retryAfterSeconds = minuteMs / 1000;
  const sentence = `Too many sign-ins were begun from here. Wait ${retryAfterSeconds} seconds, or use a link.`;
  return new BooError('too_many_attempts', sentence, { details: { retryAfterSeconds } });
}

function none(): never {
  throw new BooError('not_found', 'This server has no passkeys.');
}
