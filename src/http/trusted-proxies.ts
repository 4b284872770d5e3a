/**
 * Who has sent a request that came through proxies. Only proxies that the operator named are believed, and only one
 * header is read: a proxy that sets the other one passes on what its client wrote there.
 */
import { BlockList, isIP } from 'node:net';
import { BooError } from '../protocol/error.ts';
import { plainAddress } from './source-address.ts';

export interface TrustedProxiesOptions {
  /** Addresses and networks, such as `10.0.0.0/8`. */
  proxies: readonly string[];
  header: 'x-forwarded-for' | 'forwarded';
}

export interface Client {
  /** Undefined if it is whoever has connected. */
  address?: string;
  /** As the proxy says. */
  proto?: 'http' | 'https';
}

type HeaderValues = Readonly<Record<string, string | string[] | undefined>>;

export interface TrustedProxies {
  clientOf(peer: string | undefined, headers: HeaderValues): Client;
}

/** More hops than any request has: what is further left was written by the client. */
const maxHops = 32;

/** Throws `config_invalid`. */
export function createTrustedProxies({ proxies, header }: TrustedProxiesOptions): TrustedProxies {
  const trusted = new BlockList();
  for (const each of proxies) addTo(trusted, each);
  const isTrusted = (address: string): boolean => {
    const family = isIP(address);
    return family !== 0 && trusted.check(address, family === 6 ? 'ipv6' : 'ipv4');
  };
  return {
    clientOf(peer, headers) {
      const from = peer === undefined ? undefined : plainAddress(peer);
      if (proxies.length === 0 || from === undefined || !isTrusted(from)) return {};
      const hops = header === 'forwarded' ? forwardedHops(headers) : xForwardedHops(headers);
      const client: Client = {};
      for (const hop of hops.slice(-maxHops).toReversed()) {
        // The proxy nearest to us has seen how its own client came.
        if (client.address === undefined && hop.proto) client.proto = hop.proto;
        // An entry that is no address hides who sent it: the last one that is known counts.
        if (hop.address === undefined) break;
        client.address = hop.address;
        if (!isTrusted(hop.address)) break;
      }
      return client;
    },
  };
}

interface Hop {
  address: string | undefined;
  proto: 'http' | 'https' | undefined;
}

function xForwardedHops(headers: HeaderValues): Hop[] {
  const addresses = listOf(headers['x-forwarded-for']).map(addressIn);
  const proto = protoIn(listOf(headers['x-forwarded-proto']).at(-1));
  return addresses.map((address, at) => ({ address, proto: at === addresses.length - 1 ? proto : undefined }));
}

/** RFC 7239, without quoted pairs, which no address and no scheme needs. */
function forwardedHops(headers: HeaderValues): Hop[] {
  return listOf(headers['forwarded']).map((element) => {
    const pairs = new Map<string, string>();
    for (const pair of element.split(';')) {
      const [, name, quoted, plain] = /^\s*([a-z]+)=(?:"([^"\\]*)"|([^\s";,]*))\s*$/i.exec(pair) ?? [];
      if (name !== undefined) pairs.set(name.toLowerCase(), quoted ?? plain ?? '');
    }
    return { address: addressIn(pairs.get('for') ?? ''), proto: protoIn(pairs.get('proto')) };
  });
}

function listOf(value: string | string[] | undefined): string[] {
  return value === undefined
    ? []
    : [value]
        .flat()
        .join(',')
        .split(',')
        .map((each) => each.trim());
}

/** `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`. */
function addressIn(text: string): string | undefined {
  const [, bracketed, short] = /^\[([0-9a-f:.]+)\](?::\d{1,5})?$|^([0-9.]+):\d{1,5}$/i.exec(text) ?? [];
  const address = plainAddress(bracketed ?? short ?? text);
  return isIP(address) === 0 ? undefined : address;
}

function protoIn(text: string | undefined): Hop['proto'] {
  const proto = text?.toLowerCase();
  return proto === 'http' || proto === 'https' ? proto : undefined;
}

function addTo(list: BlockList, text: string): void {
  const [address = '', bits, ...rest] = text.split('/');
  const plain = plainAddress(address);
  const family = isIP(plain);
  const most = family === 6 ? 128 : 32;
  if (family === 0 || rest.length > 0 || (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > most))) {
    throw new BooError(
      'config_invalid',
      `A trusted proxy must be an address or a network such as 10.0.0.0/8, but was ${text}.`,
    );
  }
  const type = family === 6 ? 'ipv6' : 'ipv4';
  if (bits === undefined) list.addAddress(plain, type);
  else list.addSubnet(plain, Number(bits), type);
}
