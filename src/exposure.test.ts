import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';
import { exposureOf } from './exposure.ts';
import { reachableOrigins } from './reachable-origins.ts';

const env = { HOME: '/nowhere', BOOCODE_TOKEN: 'Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEyMzQ1Njc4OTA' };
const config = (flags: Parameters<typeof readConfig>[0]['flags'] = {}) => readConfig({ flags, env });
const tls = { 'tls-cert': '/c.pem', 'tls-key': '/k.pem' };

describe('NET-9: a server that others reach', () => {
  it.each([
    ['on loopback', {}, false],
    ['on all addresses', { host: '0.0.0.0' }, true],
    ['on all addresses of IPv6', { host: '::' }, true],
    ['on an address', { host: '192.168.1.5' }, true],
    ['with a public address in clear text', { host: '0.0.0.0', 'public-origin': 'http://boo.example.org' }, true],
    ['behind a proxy with TLS', { host: '0.0.0.0', 'public-origin': 'http://a.example,HTTPS://b.example' }, false],
    ['with TLS of its own', { host: '0.0.0.0', ...tls }, false],
  ])('%s says whether the network sees what is said', (_what, flags, isExposed) => {
    const { problem = 'nothing', fix = '' } = exposureOf(config(flags)) ?? {};
    expect(`${problem} ${fix}`).toMatch(isExposed ? /without TLS: .*--tls-cert.*--public-origin https/ : /^nothing $/);
  });

  it('NET-1: is named with https if it speaks TLS', () => {
    const named = config({ host: '192.168.1.5', ...tls, 'base-path': '/boo/' });
    expect(reachableOrigins(named)).toEqual(['https://192.168.1.5:4127/boo']);
    expect(reachableOrigins(config({ host: '192.168.1.5' }))).toEqual(['http://192.168.1.5:4127']);
  });

  it.each(['boo', '/boo?x', '/a/../b', '//evil.example', '/v1', '/v1/x', '/a b', '/\u0000'])(
    'NET-4: refuses the base path %j',
    (path) => expect(() => config({ 'base-path': path })).toThrow(/^--base-path: must/),
  );
});
