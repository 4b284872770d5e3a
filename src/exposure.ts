import { type Config, isLoopback } from './config.ts';

/** What is wrong with the way in which others reach the server; undefined if nothing is. */
export function exposureOf({
  host,
  tls,
  publicOrigins,
}: Pick<Config, 'host' | 'tls' | 'publicOrigins'>): { problem: string; fix: string } | undefined {
  const isProtected = tls !== null || publicOrigins.some((origin) => origin.toLowerCase().startsWith('https://'));
  if (isLoopback(host) || isProtected) return undefined;
  return {
    problem: `The server listens on ${host} without TLS: whoever sees the traffic reads the token and everything that is said.`,
    fix: 'Set --tls-cert and --tls-key; or put a proxy with TLS in front and name its address with --public-origin https://…; or listen on 127.0.0.1.',
  };
}
