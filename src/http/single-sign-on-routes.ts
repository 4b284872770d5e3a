import { z } from 'zod';
import type { PasskeysApi } from '../people/passkeys.ts';
import type { SignInCodes } from '../people/sign-ins.ts';
import { memorySeconds, type SingleSignOnApi } from '../people/single-sign-on.ts';
import { BooError } from '../protocol/error.ts';
import { signInWays } from '../protocol/info.ts';
import { json, route, type Route } from './route.ts';
import { baseOf, urlFor } from './sign-in-links.ts';

interface SingleSignOnOptions {
  codes: SignInCodes;
  passkeys: Pick<PasskeysApi, 'has'> | undefined;
  publicOrigins: readonly string[];
  basePath: string;
}

const text = z.string().max(4096).optional();
/** What a provider adds to the address that it sends the browser to; some add more. */
const answer = z.looseObject({ state: text, code: text, error: text });

export function singleSignOnRoutes(
  provider: SingleSignOnApi | undefined,
  { codes, passkeys, publicOrigins, basePath }: SingleSignOnOptions,
): Route[] {
  const given = (): SingleSignOnApi => {
    if (provider) return provider;
    throw new BooError('not_found', 'This server has no identity provider: see --oidc-issuer.');
  };
  const baseFor = (request: Request, proto?: 'http' | 'https'): string =>
    baseOf(publicOrigins, urlFor(request, proto, basePath));
  const redirectUri = (base: string): string => `${base}/v1/single-sign-on/end`;
  return [
    route(
      {
        id: 'getSignInWays',
        method: 'GET',
        path: '/v1/sign-in',
        policy: 'open',
        summary: 'Tell how people sign in here',
        responses: { 200: { description: 'Beside links and tokens.', schema: signInWays } },
      },
      {},
      async () =>
        json(200, {
          singleSignOn: provider ? { name: provider.name } : null,
          passkeys: (await passkeys?.has()) ?? false,
        }),
    ),
    route(
      {
        id: 'beginSingleSignOn',
        method: 'GET',
        path: '/v1/single-sign-on',
        policy: 'open',
        isNavigated: true,
        summary: 'Send a browser to the identity provider',
        errors: ['not_found', 'provider_failed'],
        responses: { 302: { description: 'To the provider.' } },
      },
      {},
      async ({ request, env }) => {
        const base = baseFor(request, env.proto);
        const { url, memory } = await given().begin(redirectUri(base));
        return redirect(url, cookie(base, memory, memorySeconds));
      },
    ),
    route(
      {
        id: 'endSingleSignOn',
        method: 'GET',
        path: '/v1/single-sign-on/end',
        policy: 'code',
        isAudited: true,
        isNavigated: true,
        summary: 'Take a browser back from the identity provider, and sign it in',
        errors: [
          'unauthorized',
          'too_many_attempts',
          'forbidden',
          'not_found',
          'provider_failed',
          'storage_unavailable',
        ],
        responses: { 302: { description: 'To the page, with a one-use code that signs it in.' } },
      },
      { query: answer },
      async ({ request, env, trail }) => {
        // Another role than before ends what the person has open, such as the connection that they come by.
        env.peer?.finishFirst();
        const base = baseFor(request, env.proto);
        const asked = new URL(redirectUri(base));
        asked.search = new URL(request.url).search;
        const { principal, notAfter } = await given().finish(asked, cookieIn(request, base), (person) =>
          trail.tell({ person, details: { ended: true } }),
        );
        trail.tell({ person: principal });
        const { code, stored } = codes.issue({ principal, by: 'server' }, notAfter);
        await stored;
        return redirect(`${base}/#code=${code}`, cookie(base, '', 0));
      },
    ),
  ];
}

const redirect = (location: string, setCookie: string): Response =>
  new Response(null, { status: 302, headers: { location, 'set-cookie': setCookie, 'cache-control': 'no-store' } });

/** With TLS no other site, and no subdomain, can set it. */
const cookieName = (base: string): string =>
  base.startsWith('https:') ? '__Host-boocode-single-sign-on' : 'boocode-single-sign-on';

function cookie(base: string, value: string, seconds: number): string {
  // Lax: the provider's page sends the browser back.
  const secure = base.startsWith('https:') ? '; Secure' : '';
  return `${cookieName(base)}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${secure}`;
}

function cookieIn({ headers }: Request, base: string): string | undefined {
  const start = `${cookieName(base)}=`;
  const pairs = (headers.get('cookie') ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(start))?.slice(start.length);
}
