import { z } from 'zod';
import type { PeopleApi } from '../people/people.ts';
import { BooError } from '../protocol/error.ts';
import {
  acceptedInvite,
  acceptInvite,
  accessTokenList,
  addPerson,
  createAccessToken,
  createdInvite,
  createdToken,
  createInvite,
  inviteList,
  me,
  patchPerson,
  person,
  personList,
} from '../protocol/people.ts';
import { deviceLabel } from './device-label.ts';
import { uuid } from './parameters.ts';
import { json, route, type Route } from './route.ts';
import { linkTo, urlFor } from './sign-in-links.ts';

const nothing = (): Response => new Response(null, { status: 204 });
/** Only the caller may store it. */
const secret = { 'cache-control': 'no-store' };

const flag = z.enum(['true', 'false']).optional();
const personPath = z.strictObject({ personId: z.union([uuid, z.literal('owner')]) });
const tokenPath = z.strictObject({ tokenId: uuid });
const invitePath = z.strictObject({ inviteId: uuid });

interface PeopleRouteOptions {
  publicOrigins: readonly string[];
  basePath: string;
  rotateToken: ((options: { endSessions: boolean }) => Promise<void>) | undefined;
}

/** What these change may end the connection they came by: it lasts until they are answered. */
export function peopleRoutes(
  all: PeopleApi | undefined,
  { publicOrigins, basePath, rotateToken }: PeopleRouteOptions,
): Route[] {
  const people = (): PeopleApi => all ?? nobody();
  return [
    route(
      {
        id: 'getMe',
        method: 'GET',
        path: '/v1/me',
        policy: 'bearer',
        role: 'viewer',
        summary: 'Show who makes this request, and with which token',
        responses: { 200: { description: 'You.', schema: me } },
      },
      {},
      ({ grant }) => json(200, people().me(grant)),
    ),
    route(
      {
        id: 'listPeople',
        method: 'GET',
        path: '/v1/people',
        policy: 'bearer',
        role: 'viewer',
        summary: 'List the people who may use this server; owners may list those who were removed',
        errors: ['forbidden'],
        responses: { 200: { description: 'The server’s owner first.', schema: personList } },
      },
      { query: z.strictObject({ removed: flag }) },
      async ({ grant, query }) =>
        json(200, { items: await (query.removed === 'true' ? people().listRemoved(grant) : people().list()) }),
    ),
    route(
      {
        id: 'addPerson',
        method: 'POST',
        path: '/v1/people',
        policy: 'bearer',
        role: 'owner',
        summary: 'Add a person, who needs a token then; an invitation does both',
        responses: { 201: { description: 'The person.', schema: person } },
      },
      { body: addPerson },
      async ({ actor, body }) => json(201, await people().add(actor, body)),
    ),
    route(
      {
        id: 'updatePerson',
        method: 'PATCH',
        path: '/v1/people/{personId}',
        policy: 'bearer',
        role: 'owner',
        summary: 'Give a person another role, in force at once; what they have open ends, and is opened again with it',
        responses: { 200: { description: 'The person.', schema: person } },
      },
      { params: personPath, body: patchPerson },
      async ({ actor, params, body, env }) => {
        env.peer?.finishFirst();
        return json(200, await people().setRole(actor, params.personId, body.role));
      },
    ),
    route(
      {
        id: 'removePerson',
        method: 'DELETE',
        path: '/v1/people/{personId}',
        policy: 'bearer',
        role: 'owner',
        summary: 'Remove a person: their tokens, and what they have open, end at once',
        responses: { 204: { description: 'The person is gone. What they did keeps their name.' } },
      },
      { params: personPath },
      async ({ actor, params, env }) => {
        env.peer?.finishFirst();
        await people().remove(actor, params.personId);
        return nothing();
      },
    ),
    route(
      {
        id: 'readmitPerson',
        method: 'POST',
        path: '/v1/people/{personId}/readmit',
        policy: 'bearer',
        role: 'owner',
        summary: 'Let somebody in again who was removed, with a new token or by the identity provider',
        responses: { 200: { description: 'The person, without any token.', schema: person } },
      },
      { params: personPath },
      async ({ actor, params }) => json(200, await people().readmit(actor, params.personId)),
    ),
    route(
      {
        id: 'listTokens',
        method: 'GET',
        path: '/v1/tokens',
        policy: 'bearer',
        role: 'viewer',
        summary: 'List your access tokens and signed-in browsers; owners may list everybody’s',
        errors: ['forbidden'],
        responses: {
          200: { description: 'The valid ones, the newest first, without their secrets.', schema: accessTokenList },
        },
      },
      { query: z.strictObject({ of: z.enum(['me', 'everyone']).optional() }) },
      async ({ grant, query }) =>
        json(200, { items: await people().listTokens(grant, { everyone: query.of === 'everyone' }) }),
    ),
    route(
      {
        id: 'createToken',
        method: 'POST',
        path: '/v1/tokens',
        policy: 'bearer',
        role: 'viewer',
        summary: 'Create an access token: for yourself, or for another person if you are an owner',
        errors: ['forbidden', 'not_found'],
        responses: { 201: { description: 'The token, which is not shown again.', schema: createdToken } },
      },
      { body: createAccessToken },
      async ({ grant, actor, body }) => json(201, await people().createToken(grant, actor, body), secret),
    ),
    route(
      {
        id: 'revokeToken',
        method: 'DELETE',
        path: '/v1/tokens/{tokenId}',
        policy: 'bearer',
        role: 'viewer',
        errors: ['forbidden'],
        summary: 'Revoke a token of yours, or anybody’s if you are an owner: what was opened with it ends at once',
        responses: { 204: { description: 'It is revoked.' } },
      },
      { params: tokenPath },
      async ({ grant, actor, params, env }) => {
        env.peer?.finishFirst();
        await people().revokeToken(grant, actor, params.tokenId);
        return nothing();
      },
    ),
    route(
      {
        id: 'signOut',
        method: 'POST',
        path: '/v1/sign-out',
        policy: 'bearer',
        role: 'viewer',
        summary: 'End the session of the browser that asks, and what it has open; other tokens stay',
        responses: { 204: { description: 'It is signed out.' } },
      },
      {},
      async ({ grant, actor, env }) => {
        env.peer?.finishFirst();
        await people().signOut(grant, actor);
        return nothing();
      },
    ),
    route(
      {
        id: 'rotateServerToken',
        method: 'POST',
        path: '/v1/server-token/rotate',
        policy: 'bearer',
        role: 'owner',
        errors: ['backend_unavailable'],
        summary:
          'Replace the server’s own token, in its file, and end the old one; `endSessions`: and all else of its owner',
        responses: { 204: { description: 'The new one is in the file, and is not shown.' } },
      },
      { query: z.strictObject({ endSessions: flag }) },
      async ({ env, query, trail }) => {
        env.peer?.finishFirst();
        if (!rotateToken) return nobody();
        const endSessions = query.endSessions === 'true';
        trail.tell({ details: { endSessions } });
        await rotateToken({ endSessions });
        return nothing();
      },
    ),
    route(
      {
        id: 'listInvites',
        method: 'GET',
        path: '/v1/invites',
        policy: 'bearer',
        role: 'owner',
        summary: 'List invitations that nobody has used yet',
        responses: { 200: { description: 'The newest first, without their links.', schema: inviteList } },
      },
      {},
      async () => json(200, { items: await people().listInvites() }),
    ),
    route(
      {
        id: 'createInvite',
        method: 'POST',
        path: '/v1/invites',
        policy: 'bearer',
        role: 'owner',
        summary: 'Invite somebody by a link that works once',
        responses: { 201: { description: 'The link, which is not shown again.', schema: createdInvite } },
      },
      { body: createInvite },
      async ({ actor, body, request, env }) => {
        const linkOf = (code: string) => linkTo(publicOrigins, urlFor(request, env.proto, basePath), `invite=${code}`);
        return json(201, await people().invite(actor, body, linkOf), secret);
      },
    ),
    route(
      {
        id: 'deleteInvite',
        method: 'DELETE',
        path: '/v1/invites/{inviteId}',
        policy: 'bearer',
        role: 'owner',
        summary: 'Withdraw an invitation',
        responses: { 204: { description: 'Its link does nothing any more.' } },
      },
      { params: invitePath },
      async ({ actor, params }) => {
        await people().removeInvite(actor, params.inviteId);
        return nothing();
      },
    ),
    route(
      {
        id: 'acceptInvite',
        method: 'POST',
        path: '/v1/invites/accept',
        policy: 'code',
        summary: 'Become one of the people by the code of an invitation, once; returns a token for this browser',
        errors: ['unauthorized', 'too_many_attempts'],
        bodyLimitBytes: 1024,
        responses: { 201: { description: 'The token.', schema: acceptedInvite } },
      },
      { body: acceptInvite },
      async ({ body, request, trail }) => {
        const accepted = await people().accept(body, deviceLabel(request));
        trail.tell({ person: accepted.principal });
        return json(201, accepted, secret);
      },
    ),
  ];
}

function nobody(): never {
  throw new BooError('backend_unavailable', 'This server has no people but its owner.');
}
