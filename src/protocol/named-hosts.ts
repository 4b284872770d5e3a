import type { Named } from './named.ts';

/** The host part of an address; after `@` only with a dot in it, because a name is not a host. */
const hosts = /(?<=:\/\/)[^\s/\\?#'"`<>()|;&]+|(?<=@)[^\s/\\?#'"`<>()|;&@:,]+\.[^\s/\\?#'"`<>()|;&@:,]+/gu;
const longestHost = 253;

/** After a host that is not plain ASCII, the name under which it is really looked up. */
export function namedHosts(text: string): Named[] {
  const named: Named[] = [];
  for (const { 0: found, index } of text.matchAll(hosts)) {
    const host = found.slice(found.lastIndexOf('@') + 1).replace(/:\d*$/, '');
    if (host.length > longestHost || !/[^ -~]/.test(host)) continue;
    const end = index + found.lastIndexOf('@') + 1 + host.length;
    named.push({ start: end, end, name: `⟨${hostName(host) ?? 'no host name'}⟩` });
  }
  return named;
}

function hostName(host: string): string | undefined {
  try {
    return new URL(`http://${host}/`).hostname;
  } catch {
    return undefined;
  }
}
