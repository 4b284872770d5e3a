import { describe, expect, it } from 'vitest';
import { createAccess, owner } from './access.ts';

const token = 'secret';
const request = (url: string, headers: Record<string, string>): Request => new Request(url, { headers });

describe('access', () => {
  const access = createAccess({ token, publicOrigins: ['https://boo.example.org', 'http://192.168.1.5:4700'] });
  const check =
    (headers: Record<string, string>, url = 'http://localhost/') =>
    () =>
      access.checkSource(request(url, headers));

  it.each(['localhost', 'LOCALHOST:1', '127.0.0.1:4700', '[::1]', '[::1]:4700', 'boo.example.org', '192.168.1.5:4700'])(
    'answers to the Host %s, and to pages of that very origin',
    (host) => {
      expect(check({ host })).not.toThrow();
      expect(check({ host, origin: `http://${host.toLowerCase()}` })).not.toThrow();
    },
  );

  it.each(['boo.example.org:8080', '192.168.1.5', '192.168.1.5:80', 'sub.boo.example.org', 'boo.example.org.', '::1'])(
    'does not answer to the Host %s',
    (host) => expect(check({ host })).toThrow(expect.objectContaining({ code: 'forbidden_host' })),
  );

  it('compares the public origin exactly', () => {
    const host = 'boo.example.org';
    expect(check({ host, origin: 'https://boo.example.org' })).not.toThrow();
    for (const origin of ['https://boo.example.org:8443', 'https://boo.example.org/', 'https://evil.example']) {
      expect(check({ host, origin })).toThrow(expect.objectContaining({ code: 'forbidden_origin' }));
    }
  });

  it('checks the name in the request line too', () => {
    expect(check({ host: 'localhost' }, 'http://evil.example/healthz')).toThrow(/host/);
  });

  it('WHO-1: accepts the token as the owner’s, whatever the case of the scheme', () => {
    for (const authorization of ['Bearer secret', 'bearer secret', 'BEARER  secret']) {
      expect(access.checkToken(request('http://localhost/', { authorization }))).toEqual(owner);
    }
  });

  it('accepts no other token', () => {
    for (const authorization of ['', 'Bearer', 'Bearer Secret', 'Bearer secret2', 'Basic secret']) {
      const check = () => access.checkToken(request('http://localhost/', { authorization }));
      expect(check).toThrow(expect.objectContaining({ code: 'unauthorized' }));
    }
  });

  it.each(['', ' ', 'a b', 'caf\u00e9', 'a\nb'])('cannot be made with the token "%s"', (bad) => {
    expect(() => createAccess({ token: bad })).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });

  const belowPaths = ['https://example.org/boo', 'https://example.org/boo/', 'https://example.org/'];
  it.each(belowPaths)('ACCESS-14: takes the public origin %s by its host and origin alone', (publicOrigin) => {
    const below = createAccess({ token, publicOrigins: [publicOrigin] });
    const from = (origin: string) => (): void =>
      below.checkSource(request('http://example.org/', { host: 'example.org', origin }));
    expect(from('https://example.org')).not.toThrow();
    expect(from('https://example.org.evil.example')).toThrow(expect.objectContaining({ code: 'forbidden_origin' }));
  });

  it.each([
    'boo.example.org',
    'https://user:word@boo.example.org',
    'https://boo.example.org:443',
    'https://boo.example.org/?x',
    'https://boo.example.org/#x',
    'ftp://boo.example.org',
    '*',
  ])('cannot be made with the public origin %s', (origin) => {
    expect(() => createAccess({ token, publicOrigins: [origin] })).toThrow(/public origin/);
  });
});
