import { BooError, type HostInfo } from '../client/client.ts';
import { plainLine } from './plain-text.ts';

/** The hosts that are meant: those of this name, or those whose id starts with it. */
export function hostsNamed(hosts: readonly HostInfo[], given: string): HostInfo[] {
  const named = hosts.filter(({ name }) => name === given);
  if (named.length > 0) {
    const up = named.filter(({ state }) => state === 'up');
    return up.length > 0 ? up : named;
  }
  const start = given.toLowerCase();
  return start.length < 4 ? [] : hosts.filter(({ id }) => id.startsWith(start));
}

/** The only one of them. Throws BooError `not_found`, `invalid_request`. */
export function onlyHost(found: readonly HostInfo[], given: string): HostInfo {
  const name = plainLine(given, 64);
  if (found.length === 0) throw new BooError('not_found', `There is no host '${name}': see \`boocode hosts\`.`);
  if (found.length === 1) return found[0]!;
  const ids = found.map(({ id }) => id).join(', ');
  throw new BooError(
    'invalid_request',
    `${found.length} hosts are meant by '${name}': name one by the start of its id: ${ids}.`,
  );
}

/** Names that several living hosts have. */
export function sharedNames(hosts: readonly HostInfo[]): string[] {
  const names = hosts.filter(({ state }) => state !== 'silent').map(({ name }) => name);
  return [...new Set(names.filter((name, at) => names.indexOf(name) !== at))];
}
