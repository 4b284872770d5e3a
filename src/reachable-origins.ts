import { type Config, isLoopback } from './config.ts';

type ReachableFrom = Pick<Config, 'host' | 'port' | 'publicOrigins' | 'tls' | 'basePath'>;

/** An explicitly chosen host is one that clients may name; an address that means all hosts names none. */
export function reachableOrigins({ host, port, publicOrigins, tls, basePath }: ReachableFrom): readonly string[] {
  const isNamed = !isLoopback(host) && !['0.0.0.0', '::'].includes(host);
  return isNamed
    ? [...publicOrigins, `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}${basePath}`]
    : publicOrigins;
}
