import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { freePort } from '../../test/support/free-port.ts';
import { openIdentityProvider } from '../../test/support/identity-provider.mjs';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { until } from '../../test/support/until.ts';
import { silentLog } from '../lib/log.ts';
import { SingleSignOn, type SingleSignOnParts } from './single-sign-on.ts';

test('OIDC-2: a provider that is away is told, and asked again once it may be back', async () => {
  const port = await freePort();
  const clock = new ManualClock();
  const settings = {
    issuer: `http://127.0.0.1:${port}`,
    clientId: 'boocode',
    clientSecretFile: null,
    scopes: 'openid',
    roleClaim: 'roles',
    roleRules: [],
    sessionHours: 1,
  };
  // Nobody has come back yet: neither the database nor the tokens are asked.
  const unused = {} as Pick<SingleSignOnParts, 'sql' | 'grants'>;
  const signOn = new SingleSignOn({ ...unused, settings, clock, logger: silentLog });
  const redirectUri = 'http://127.0.0.1:1/end';
  const failed = { code: 'provider_failed', message: expect.stringContaining('127.0.0.1 cannot be asked') as string };
  await expect(signOn.begin(redirectUri)).rejects.toMatchObject(failed);
  const provider = await openIdentityProvider({ redirectUri, port, isPublic: true });
  try {
    // The answer of before, for some seconds.
    await expect(signOn.begin(redirectUri)).rejects.toMatchObject(failed);
    clock.advance(5_000);
    const { url } = await until(() => signOn.begin(redirectUri));
    const asked = new URL(url).searchParams;
    expect(asked.get('code_challenge_method')).toBe('S256');
    expect(asked.get('redirect_uri')).toBe(redirectUri);
    const again = new URL((await signOn.begin(redirectUri)).url).searchParams;
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(asked.get(name)!.length).toBeGreaterThanOrEqual(43);
      expect(again.get(name)).not.toBe(asked.get(name));
    }
  } finally {
    await provider.close();
  }
});

test('OIDC-2 FUZZ-1: a provider that tells no address to sign in at cannot be asked', async () => {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const described = { issuer, authorization_endpoint: null, token_endpoint: `${issuer}/t`, jwks_uri: `${issuer}/k` };
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(described));
  });
  await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
  try {
    const settings = { issuer, clientId: 'boocode', clientSecretFile: null, scopes: 'openid', roleClaim: 'roles' };
    const unused = {} as Pick<SingleSignOnParts, 'sql' | 'grants'>;
    const parts = { ...unused, settings: { ...settings, roleRules: [], sessionHours: 1 } };
    const signOn = new SingleSignOn({ ...parts, clock: new ManualClock(), logger: silentLog });
    await expect(signOn.begin('http://127.0.0.1:1/end')).rejects.toMatchObject({ code: 'provider_failed' });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
