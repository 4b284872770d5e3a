import type { Clock } from '../lib/clock.ts';
import type { SignInLink } from '../protocol/info.ts';
import { type SignInCodes, signInCodeMs } from './sign-in-codes.ts';

export interface SignInLinksOptions {
  codes: SignInCodes;
  /** Where the server is reached from outside; the first that is no loopback is what a link names. */
  publicOrigins: readonly string[];
  clock: Clock;
}

/**
 * A new link that signs one browser in, once. The code stands in the fragment, which no browser sends and no server logs.
 * `asked` is the origin that the link was asked for under: it serves where no address works from outside, or is one itself.
 */
export function makeSignInLink({ codes, publicOrigins, clock }: SignInLinksOptions, asked: string): SignInLink {
  const outside = publicOrigins.filter((origin) => !isLoopbackUrl(origin));
  const base = outside.find((origin) => new URL(origin).origin === new URL(asked).origin) ?? outside[0] ?? asked;
  return {
    url: `${base.replace(/\/+$/, '')}/#code=${codes.issue()}`,
    expiresAt: new Date(clock.now().getTime() + signInCodeMs).toISOString(),
    loopback: isLoopbackUrl(base),
  };
}

function isLoopbackUrl(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}
