/**
 * Which hosts a sandbox with a limited network reaches. A name counts as it was asked for, and the addresses that it stands for
 * are checked again: whoever controls an allowed name's DNS must not thereby reach the machine itself or the network it is in.
 * Such addresses are reached only if they are named as addresses.
 */
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

export interface HostRule {
  /** A name in lower case; `.example.org` for all names below it; `*` for any; null if it names addresses. */
  readonly name: string | null;
  readonly addresses: BlockList | null;
  /** Null: those of the web. */
  readonly port: number | '*' | null;
  /** The operator trusts whatever addresses this name has. */
  readonly isTrusted?: boolean;
}

export interface Target {
  /** In lower case, without a dot at its end and without brackets. */
  host: string;
  port: number;
}

const webPorts = [80, 443];
const isName = (text: string): boolean =>
  text.length <= 253 &&
  text.split('.').every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label)) &&
  // `127.1`, `0x7f.1` and `2130706433` are ways to write an address, and no names.
  !/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(text);

/** `github.com`, `*.npmjs.org:443`, `*`, `10.0.0.5:8080`, `10.0.0.0/8`, `[fd00::/8]:*`. Undefined if it is none of these. */
export function parseHostRule(text: string): HostRule | undefined {
  const [, host = '', given] = /^(\[[^\]]*\]|[^:[\]]+)(?::(\d{1,5}|\*))?$/.exec(text.toLowerCase()) ?? [];
  const port = given === undefined ? null : given === '*' ? '*' : Number(given);
  if (host === '' || (typeof port === 'number' && (port < 1 || port > 65_535))) return undefined;
  const addresses = parseAddresses(host);
  if (addresses) return { name: null, addresses, port };
  if (host === '*') return { name: '*', addresses: null, port };
  const below = host.startsWith('*.');
  const name = below ? host.slice(2) : host.replace(/\.$/, '');
  return isName(name) ? { name: below ? `.${name}` : name, addresses: null, port } : undefined;
}

function parseAddresses(text: string): BlockList | undefined {
  const [address = '', bits, ...rest] = text.replace(/^\[(.*)\]$/, '$1').split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || address.includes('%') || (family === 6) !== text.startsWith('['))
    return undefined;
  const type = family === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  if (bits === undefined) list.addAddress(address, type);
  else if (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32)) {
    list.addSubnet(address, Number(bits), type);
  } else return undefined;
  return list;
}

/** `example.org:443`, `[::1]:80`. Undefined if it is nothing that can be reached. */
export function parseTarget(authority: string, defaultPort?: number): Target | undefined {
  const [, given = '', digits] = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/i.exec(authority) ?? [];
  const host = given
    .toLowerCase()
    .replace(/\.$/, '')
    .replace(/^\[(.*)\]$/, '$1');
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port === undefined || port < 1 || port > 65_535) return undefined;
  if (given.startsWith('[') ? isIP(host) !== 6 : isIP(host) !== 4 && !isName(host)) return undefined;
  return { host, port };
}

/** Whether it may be asked for: a name by a rule for names, an address by one for addresses, or by `*` if it is public. */
export function allowsTarget(rules: readonly HostRule[], { host, port }: Target): boolean {
  if (isIP(host) !== 0) {
    return (
      isNamed(rules, host, port) || (isPublic(host) && rules.some((rule) => rule.name === '*' && hasPort(rule, port)))
    );
  }
  return rules.some((rule) => matchesName(rule, host) && hasPort(rule, port));
}

/** Whether a target that may be asked for may be at this address. */
export function allowsAddress(rules: readonly HostRule[], { host, port }: Target, address: string): boolean {
  const isTrusted = rules.some((rule) => rule.isTrusted && rule.name === host && hasPort(rule, port));
  return isTrusted || isPublic(address) || isNamed(rules, address, port);
}

function isNamed(rules: readonly HostRule[], address: string, port: number): boolean {
  return rules.some((rule) => rule.addresses?.check(address, typeOf(address)) === true && hasPort(rule, port));
}

const hasPort = ({ port }: HostRule, asked: number): boolean =>
  port === '*' || (port === null ? webPorts.includes(asked) : port === asked);

function matchesName({ name }: HostRule, host: string): boolean {
  if (name === null) return false;
  return name === '*' || name === host || (name.startsWith('.') && host.endsWith(name));
}

const typeOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** Of IPv4, what is reserved for something else than the Internet. */
const reserved = new BlockList();
for (const network of [
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24',
  '192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4',
].flatMap((line) => line.split(' '))) {
  const [address = '', bits] = network.split('/');
  reserved.addSubnet(address, Number(bits), 'ipv4');
}
/** Of IPv6, what the Internet uses; without the parts of it that contain an IPv4 address, or are for documents. */
const global = new BlockList();
global.addSubnet('2000::', 3, 'ipv6');
for (const [address, bits] of [
  ['2001::', 32],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  reserved.addSubnet(address, bits, 'ipv6');
}

/** As they are now: an address may come with a cable, or a tunnel. */
const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((each) => each?.map((own) => own.address) ?? []);

/** An address on the Internet that is not one of this machine's `own`. */
export function isPublic(address: string, own: readonly string[] = ownAddresses()): boolean {
  const type = typeOf(address);
  if (reserved.check(address, type) || (type === 'ipv6' && !global.check(address, 'ipv6'))) return false;
  return !own.includes(address);
}

/** The port of this machine that a rule names, if it names one. */
export function loopbackTarget({ name, addresses, port }: HostRule): Target | undefined {
  if (typeof port !== 'number') return undefined;
  if (name === 'localhost' || addresses?.check('127.0.0.1', 'ipv4')) return { host: '127.0.0.1', port };
  return addresses?.check('::1', 'ipv6') ? { host: '::1', port } : undefined;
}
