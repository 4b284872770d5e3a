import { isIPv6 } from 'node:net';

/**
 * Who an address counts as: itself, or for IPv6 its 64-bit network, because a machine has all addresses of one. It is the
 * connection's own address, unless that is a trusted proxy's (`trusted-proxies.ts`): other headers are under the client's
 * control.
 */
export function sourceOf(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  const plain = plainAddress(address);
  return isIPv6(plain) && plain !== '::1' ? `${network(plain)}::/64` : plain;
}

/** IPv4 as such, even where IPv6 carries it, and without a zone. */
export function plainAddress(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  return mapped ?? address.split('%')[0] ?? '';
}

function network(address: string): string {
  const [head = '', tail = ''] = address.split('::');
  const parts = head === '' ? [] : head.split(':');
  const last = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::') ? Array.from({ length: 8 - parts.length - last.length }, () => '0') : [];
  return [...parts, ...zeros, ...last].slice(0, 4).join(':');
}
