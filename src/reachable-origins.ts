import { type Config, isLoopback } from './config.ts';

/** An explicitly chosen host is one that clients may name; an address that means all hosts names none. */
export function reachableOrigins({ host, port, publicOrigins }: Config): readonly string[] {
  const isNamed = !isLoopback(host) && !['0.0.0.0', '::'].includes(host);
  return isNamed ? [...publicOrigins, `http://${host.includes(':') ? `[${host}]` : host}:${port}`] : publicOrigins;
}
