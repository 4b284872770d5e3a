import type { Clock } from '../lib/clock.ts';
import type { Grant } from '../people/grant.ts';
import { type SignInCodes, signInCodeMs } from '../people/sign-ins.ts';
import type { SignInLink } from '../protocol/info.ts';

export interface SignInLinksOptions {
  codes: SignInCodes;
  /** The server's public URLs; a link uses the first that is not loopback. */
  publicOrigins: readonly string[];
  clock: Clock;
}

/**
 * Creates a link that signs one browser in for whoever asks, once it is stored. The code is in the fragment, which browsers do not send and servers
 * do not log. `asked` is the origin of the request for the link: it is used if no public URL is set, or if it is one
 * itself.
 */
export function makeSignInLink({ codes, publicOrigins, clock }: SignInLinksOptions, grant: Grant, asked: string) {
  const { code, stored } = codes.issue(grant);
  const link: SignInLink = {
    ...linkTo(publicOrigins, asked, `code=${code}`),
    expiresAt: new Date(clock.now().getTime() + signInCodeMs).toISOString(),
  };
  return { link, stored };
}

/** The page with this fragment, under the address that works from outside if there is one. */
export function linkTo(publicOrigins: readonly string[], asked: string, fragment: string) {
  const base = baseOf(publicOrigins, asked);
  return { url: `${base}/#${fragment}`, loopback: isLoopbackUrl(base) };
}

/** The address that works from outside, if there is one: the one that was asked at, or else the first. */
export function baseOf(publicOrigins: readonly string[], asked: string): string {
  const outside = publicOrigins.filter((origin) => !isLoopbackUrl(origin));
  const base = outside.find((origin) => new URL(origin).origin === new URL(asked).origin) ?? outside[0] ?? asked;
  return base.replace(/\/+$/, '');
}

function isLoopbackUrl(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

/** The server's URL as this client addressed it, with a Host that is known to be ours. */
export function urlFor(request: Request, proto = 'http', basePath = ''): string {
  return `${proto}://${request.headers.get('host')}${basePath}`;
}
