import { describe, expect, it } from 'vitest';
import { createTestApp, testToken } from '../../test/support/test-app.ts';
import { systemClock } from '../lib/clock.ts';
import type { SignInLink } from '../protocol/info.ts';

const now = new Date('2030-01-02T03:04:05Z');
const open = (...publicOrigins: string[]) =>
  createTestApp({ access: { token: testToken, publicOrigins }, clock: { ...systemClock, now: () => now } });

async function made(app: ReturnType<typeof open>, headers = {}): Promise<SignInLink & { code: string }> {
  const response = await app.call('POST', '/v1/sign-in-links', { headers });
  expect([response.status, response.headers.get('cache-control')]).toEqual([201, 'no-store']);
  const link = (await response.json()) as SignInLink;
  return { ...link, code: new URL(link.url).hash.replace('#code=', '') };
}

describe('ACCESS-15: a new sign-in link', () => {
  it('works once, for ten minutes, with the code in its fragment and the token nowhere', async () => {
    const app = open();
    const { url, code, expiresAt } = await made(app);
    expect(url).toBe(`http://localhost:4700/#code=${code}`);
    expect(url).not.toContain(testToken);
    expect(expiresAt).toBe('2030-01-02T03:14:05.000Z');
    const redeem = () => app.call('POST', '/v1/sign-in', { body: { code }, headers: { authorization: '' } });
    expect(await (await redeem()).json()).toEqual({ token: testToken });
    expect((await redeem()).status).toBe(401);
  });

  it.each([
    [[], 'localhost:4700', 'http://localhost:4700', true],
    [['http://localhost:8080'], '127.0.0.1:4700', 'http://127.0.0.1:4700', true],
    [['http://localhost:8080', 'https://boo.example.org'], 'localhost', 'https://boo.example.org', false],
    [['https://a.example.org', 'http://b.example.org'], 'b.example.org', 'http://b.example.org', false],
    [['https://a.example.org', 'https://b.example.org'], '127.0.0.1', 'https://a.example.org', false],
  ])('with %j, asked for at %s, is for %s', async (origins, host, base, loopback) => {
    const { url, code, ...link } = await made(open(...origins), { host });
    expect([url, link.loopback]).toEqual([`${base}/#code=${code}`, loopback]);
  });

  it('requires the token', async () => {
    const response = await open().app.request('/v1/sign-in-links', { method: 'POST', headers: { host: 'localhost' } });
    expect(response.status).toBe(401);
  });
});
