import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';

const weak = 'abcdefghabcdefghabcdefghabcdefgh';
const strong = 'q3Jw8m_Vt1ZkR0yB7dXs5LhN2cPfGeA9uQoWiTjUxYE';
const read = (token: string, more: Record<string, string> = {}) =>
  readConfig({ env: { HOME: '/nowhere', BOOCODE_TOKEN: token, ...more } });

describe('ACCESS-12: a token that can be guessed', () => {
  it.each<[string, Record<string, string>]>([
    ['every address', { BOOCODE_HOST: '0.0.0.0' }],
    ['an address of the network', { BOOCODE_HOST: '192.168.1.5' }],
    ['a name', { BOOCODE_HOST: 'boo.example.org' }],
    ['a proxy', { BOOCODE_PUBLIC_ORIGIN: 'http://localhost:8080, https://boo.example.org' }],
  ])('is refused on %s, and a good one is not', (_what, where) => {
    expect(() => read(weak, where)).toThrow(
      expect.objectContaining({
        code: 'config_invalid',
        message: expect.stringMatching(/^BOOCODE_TOKEN: .*openssl rand -base64 32`\.$/) as string,
      }),
    );
    expect(read(strong, where).token).toBe(strong);
  });

  it.each<[string, Record<string, string>]>([
    ['loopback', {}],
    ['the loopback of IPv6', { BOOCODE_HOST: '::1' }],
    ['a proxy on loopback', { BOOCODE_PUBLIC_ORIGIN: 'http://[::1]:8080,http://localhost' }],
  ])('is taken on %s', (_what, where) => {
    expect(read(weak, where).token).toBe(weak);
  });
});
