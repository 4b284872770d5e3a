import { beforeEach, describe, expect, it } from 'vitest';
import type { BooError } from '../protocol/error.ts';
import { type Access, createAccess } from './access.ts';

const token = 'secret';
const request = (url: string, headers: Record<string, string>): Request => new Request(url, { headers });

describe('access', () => {
  let access: Access;
  beforeEach(() => {
    access = createAccess({ token, publicOrigins: ['https://boo.example.org', 'http://192.168.1.5:4700'] });
  });
  const thrownBy = (act: () => void): unknown => {
    try {
      return act();
    } catch (error) {
      return error;
    }
  };
  const check =
    (headers: Record<string, string>, url = 'http://localhost/') =>
    () =>
      access.checkSource(request(url, headers));

  it.each([
    ['localhost', 'http'],
    ['LOCALHOST:1', 'http'],
    ['localhost:65535', 'http'],
    ['127.0.0.1:4700', 'http'],
    ['[::1]', 'http'],
    ['[::1]:4700', 'http'],
    ['boo.example.org', 'https'],
    ['192.168.1.5:4700', 'http'],
  ])('NET-6: answers to the Host %s, and to pages of exactly that origin with %s', (host, proto) => {
    expect(check({ host })).not.toThrow();
    expect(check({ host, origin: `${proto}://${host.toLowerCase()}` })).not.toThrow();
    const other = proto === 'http' ? 'https' : 'http';
    expect(check({ host, origin: `${other}://${host.toLowerCase()}` })).toThrow(
      expect.objectContaining({ code: 'forbidden_origin' }),
    );
  });

  it('NET-6: expects pages of https where it speaks TLS itself, or where a trusted proxy does', () => {
    const secure = createAccess({ token, tls: true });
    const from = (origin: string, proto?: 'http' | 'https') => (): void =>
      secure.checkSource(request('http://localhost/', { host: 'localhost:1', origin }), proto);
    expect(from('https://localhost:1')).not.toThrow();
    expect(from('http://localhost:1')).toThrow(expect.objectContaining({ code: 'forbidden_origin' }));
    expect(from('http://localhost:1', 'http')).not.toThrow();
    expect(from('https://localhost:1', 'http')).toThrow(expect.objectContaining({ code: 'forbidden_origin' }));
  });

  it.each([
    'boo.example.org:8080',
    '192.168.1.5',
    '192.168.1.5:80',
    'sub.boo.example.org',
    'boo.example.org.',
    '::1',
    'localhost:65536',
    'localhost:0',
    'evil.example@localhost',
    'localhost/evil.example',
  ])('does not answer to the Host %s', (host) =>
    expect(check({ host })).toThrow(expect.objectContaining({ code: 'forbidden_host' })),
  );

  it.each([
    ['evil.example', { field: 'host', host: 'evil.example' }],
    ['<b>evil.example</b>', { field: 'host' }],
    [undefined, { field: 'host' }],
  ])('says what is wrong with the Host %s, and repeats it only if it is a plain name', (host, details) => {
    const error = thrownBy(check(host === undefined ? {} : { host }));
    expect(error).toMatchObject({
      code: 'forbidden_host',
      message: 'host: this server does not serve that name.',
    });
    expect((error as BooError).details).toStrictEqual(details);
  });

  it('tells a page of another origin how to allow it', () => {
    expect(thrownBy(check({ host: 'localhost', origin: 'https://evil.example' }))).toMatchObject({
      code: 'forbidden_origin',
      message:
        'origin: pages of that origin may not use this server; to allow them, pass the origin with --public-origin.',
      details: { field: 'origin' },
    });
  });

  it('does not require a public origin', () => {
    const local = createAccess({ token });
    expect(() => local.checkSource(request('http://localhost/', { host: 'localhost' }))).not.toThrow();
  });

  it('compares the public origin exactly', () => {
    const host = 'boo.example.org';
    expect(check({ host, origin: 'https://boo.example.org' })).not.toThrow();
    for (const origin of ['https://boo.example.org:8443', 'https://boo.example.org/', 'https://evil.example']) {
      expect(check({ host, origin })).toThrow(expect.objectContaining({ code: 'forbidden_origin' }));
    }
  });

  it('checks the host in the request line too', () => {
    expect(check({ host: 'localhost' }, 'http://evil.example/healthz')).toThrow(/host/);
  });

  it('WHO-1: accepts the token as the owner’s, whatever the case of the scheme', async () => {
    for (const authorization of ['Bearer secret', 'bearer secret', 'BEARER  secret']) {
      expect(await access.checkToken(request('http://localhost/', { authorization }))).toEqual({
        principal: { id: 'owner', name: 'owner', role: 'owner' },
        by: 'server',
      });
    }
  });

  it('accepts no other token', async () => {
    const wrong = [
      '',
      'Bearer',
      'Bearer Secret',
      'Bearer secret2',
      'Basic secret',
      'x Bearer secret',
      'Bearer secret x',
    ];
    for (const headers of [{}, ...wrong.map((authorization) => ({ authorization }))]) {
      await expect(access.checkToken(request('http://localhost/', headers))).rejects.toMatchObject({
        code: 'unauthorized',
        message: 'authorization: must be “Bearer” followed by a valid token.',
        details: { field: 'authorization' },
      });
    }
  });

  it.each(['', ' ', 'a b', 'caf\u00e9', 'a\nb'])('cannot be created with the token "%s"', (bad) => {
    expect(thrownBy(() => void createAccess({ token: bad }))).toMatchObject({
      code: 'config_invalid',
      message: 'The token must be printable ASCII without spaces, and not empty.',
    });
  });

  const belowPaths = [
    'https://example.org/boo',
    'https://example.org/boo/',
    'https://example.org/',
    'HTTPS://Example.org',
  ];
  it.each(belowPaths)('ACCESS-14: uses only the host and origin of the public origin %s', (publicOrigin) => {
    const below = createAccess({ token, publicOrigins: [publicOrigin] });
    const from = (origin: string) => (): void =>
      below.checkSource(request('http://example.org/', { host: 'example.org', origin }));
    expect(from('https://example.org')).not.toThrow();
    expect(from('https://example.org.evil.example')).toThrow(expect.objectContaining({ code: 'forbidden_origin' }));
  });

  it.each([
    'boo.example.org',
    'https:boo.example.org',
    'https://user@boo.example.org',
    'https://:word@boo.example.org',
    'https://boo@boo',
    'https://boo.example.org:443',
    'https://boo.example.org/?x',
    'https://boo.example.org/#x',
    'ftp://boo.example.org',
    'wss://boo.example.org',
    'nullhttp://boo.example.org',
    '*',
  ])('cannot be created with the public origin %s', (origin) => {
    expect(thrownBy(() => void createAccess({ token, publicOrigins: [origin] }))).toMatchObject({
      code: 'config_invalid',
      message: `The public origin must look like https://boo.example.org, but was ${origin}.`,
    });
  });
});
