import { isIPv6 } from 'node:net';

/**
 * Who an address counts as: itself, or for IPv6 its 64-bit network, because a machine has all addresses of one. Only
 * the connection's own address counts: headers are under the client's control.
 */
export function sourceOf(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  const [plain = ''] = address.split('%');
  return isIPv6(plain) && plain !== '::1' ? `${network(plain)}::/64` : plain;
}

function network(address: string): string {
  const [head = '', tail = ''] = address.split('::');
  const parts = head === '' ? [] : head.split(':');
  const last = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::') ? Array.from({ length: 8 - parts.length - last.length }, () => '0') : [];
  return [...parts, ...zeros, ...last].slice(0, 4).join(':');
}
