import { describe, expect, it } from 'vitest';
import { createTrustedProxies } from './trusted-proxies.ts';

const proxies = ['127.0.0.1', '10.0.0.0/8', 'fd00::/8'];
const byXff = createTrustedProxies({ proxies, header: 'x-forwarded-for' });
const byForwarded = createTrustedProxies({ proxies, header: 'forwarded' });
const xff = (text: string | string[], peer = '127.0.0.1') => byXff.clientOf(peer, { 'x-forwarded-for': text }).address;
const forwarded = (text: string, peer = '127.0.0.1') => byForwarded.clientOf(peer, { forwarded: text });

describe('NET-2: the client of a request that came through proxies', () => {
  it.each([
    ['one that nobody trusts', '203.0.113.9', '203.0.113.9'],
    ['the right-most that is not trusted', '1.1.1.1, 203.0.113.9, 10.1.2.3', '203.0.113.9'],
    ['what a client wrote in front', '127.0.0.1, 198.51.100.7', '198.51.100.7'],
    ['the left-most, if all are trusted', '10.0.0.1, 10.0.0.2', '10.0.0.1'],
    ['an address with a port', '203.0.113.9:4711', '203.0.113.9'],
    ['IPv6', '2001:db8::7', '2001:db8::7'],
    ['IPv6 in brackets with a port', '[2001:db8::7]:4711', '2001:db8::7'],
    ['IPv4 inside IPv6', '::ffff:203.0.113.9', '203.0.113.9'],
    ['a trusted network of IPv6 on the way', '2001:db8::7, fd00::1', '2001:db8::7'],
    ['nobody behind an entry that is no address', '203.0.113.9, unknown, 10.0.0.2', '10.0.0.2'],
    ['nobody behind an empty entry', '203.0.113.9, , 10.0.0.2', '10.0.0.2'],
  ])('is %s', (_what, header, client) => expect(xff(header)).toBe(client));

  it('is read from all headers of that name, in their order', () => {
    expect(xff(['203.0.113.9', '198.51.100.7, 10.0.0.2'])).toBe('198.51.100.7');
  });

  it.each([
    'unknown',
    '',
    ',',
    '203.0.113.9x',
    '999.1.1.1',
    '1.2.3',
    '_hidden',
    '[::1',
    '0x7f.1',
    '\u0000',
    '<script>',
  ])('is the proxy itself if it names %j', (header) => expect(xff(header)).toBeUndefined());

  it('is the connection’s own if that is not a trusted proxy’s, whatever the headers say', () => {
    for (const peer of ['203.0.113.1', '127.0.0.2', '::1', '11.0.0.1', undefined]) {
      expect(byXff.clientOf(peer, { 'x-forwarded-for': '1.1.1.1', 'x-forwarded-proto': 'https' })).toEqual({});
    }
    const none = createTrustedProxies({ proxies: [], header: 'x-forwarded-for' });
    expect(none.clientOf('127.0.0.1', { 'x-forwarded-for': '1.1.1.1' })).toEqual({});
    expect(xff('1.1.1.1', '::ffff:127.0.0.1')).toBe('1.1.1.1');
  });

  it('is read from one header only: a proxy passes the other one on unread', () => {
    const both = { 'x-forwarded-for': '1.1.1.1', forwarded: 'for=2.2.2.2;proto=https', 'x-forwarded-proto': 'http' };
    expect(byXff.clientOf('127.0.0.1', both)).toEqual({ address: '1.1.1.1', proto: 'http' });
    expect(byForwarded.clientOf('127.0.0.1', both)).toEqual({ address: '2.2.2.2', proto: 'https' });
  });

  it.each([
    ['for=203.0.113.9;proto=https;by=10.0.0.1', { address: '203.0.113.9', proto: 'https' }],
    ['For="[2001:db8::7]:4711"', { address: '2001:db8::7' }],
    ['for=1.1.1.1;proto=http, for=203.0.113.9;proto=HTTPS', { address: '203.0.113.9', proto: 'https' }],
    ['for=1.1.1.1;proto=https, for=10.0.0.2;proto=http', { address: '1.1.1.1', proto: 'http' }],
    ['for=unknown', {}],
    ['for="203.0.113.9', {}],
    ['for=_secret;proto=gopher', {}],
    ['proto=https', { proto: 'https' }],
  ])('is read from Forwarded: %s', (header, client) => expect(forwarded(header)).toEqual(client));

  it('costs little, however long a header is', () => {
    const before = performance.now();
    expect(xff(`${'1.1.1.1, '.repeat(1_500)}10.0.0.2`)).toBe('1.1.1.1');
    expect(xff(`${'10.0.0.2, '.repeat(1_500)}10.0.0.2`)).toBe('10.0.0.2');
    expect(forwarded('for="'.repeat(3_000))).toEqual({});
    expect(performance.now() - before).toBeLessThan(500);
  });

  it.each(['localhost', '10.0.0.0/33', '::/129', '10.0.0.0/8/8', '10.0.0', '/8', '10.0.0.0/', 'x/8', '*'])(
    'cannot be named by a proxy called %s',
    (proxy) =>
      expect(() => createTrustedProxies({ proxies: [proxy], header: 'forwarded' })).toThrow(
        expect.objectContaining({ code: 'config_invalid' }),
      ),
  );
});
