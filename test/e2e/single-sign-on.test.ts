// Single sign-on with a real provider: who comes back from it has a role here, and nobody can take their place.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { freePort } from '../support/free-port.ts';
import { openIdentityProvider, signInAt } from '../support/identity-provider.mjs';
import { openServer, type TestServer } from '../support/server.ts';

let directory: string;
let server: TestServer;
let provider: Awaited<ReturnType<typeof openIdentityProvider>>;

beforeAll(async () => {
  const [port, providerPort] = [await freePort(), await freePort()];
  const redirectUri = `http://127.0.0.1:${port}/v1/single-sign-on/end`;
  provider = await openIdentityProvider({ redirectUri, port: providerPort });
  directory = mkdtempSync(join(tmpdir(), 'boocode-oidc-'));
  const clientSecretFile = join(directory, 'secret');
  writeFileSync(clientSecretFile, `${provider.secret}\n`, { mode: 0o600 });
  server = await openServer({
    config: {
      port,
      singleSignOn: {
        issuer: provider.issuer,
        clientId: 'boocode',
        clientSecretFile,
        scopes: 'openid profile',
        roleClaim: 'groups',
        roleRules: [
          { role: 'owner', value: 'admins' },
          { role: 'viewer', value: 'guests' },
          { role: 'member', value: 'staff' },
        ],
        sessionHours: 10,
      },
    },
  });
});
afterAll(async () => {
  await server.close();
  await provider.close();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  Object.assign(provider.people, { ada: { name: 'Ada', groups: ['staff', 'chess'] } });
  Object.assign(provider, { tamper: undefined });
});

interface Begun {
  url: string;
  cookie: string;
}

async function begin(): Promise<Begun> {
  const response = await fetch(`${server.url}/v1/single-sign-on`, { redirect: 'manual' });
  expect(response.status).toBe(302);
  const set = response.headers.get('set-cookie') ?? '';
  expect(set).toMatch(/; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/);
  return { url: response.headers.get('location') ?? '', cookie: set.slice(0, set.indexOf(';')) };
}

async function end(url: string, cookie: string) {
  const response = await fetch(url, { redirect: 'manual', headers: { cookie, accept: 'text/html' } });
  return { status: response.status, location: response.headers.get('location') ?? '', page: await response.text() };
}

const codeIn = (location: string): string => new URLSearchParams(new URL(location).hash.slice(1)).get('code') ?? '';

async function signIn(login: string) {
  const { url, cookie } = await begin();
  const { status, location, page } = await end(await signInAt(url, login), cookie);
  if (status !== 302) return { status, page };
  const answer = await server.call('POST', '/v1/sign-in', { body: { code: codeIn(location) }, headers: {} });
  const client = createClient({ url: server.url, token: answer.body['token'] as string, clientName: 'test' });
  return { status, page, client, cookie, me: await client.me() };
}

describe('OIDC-1: who comes from the provider', () => {
  test('is a person here, with the highest role that the claims give, in a session that ends', async () => {
    expect((await server.call('GET', '/v1/sign-in', { headers: {} })).body).toEqual({
      singleSignOn: { name: '127.0.0.1' },
      passkeys: false,
    });
    const { me, client } = await signIn('ada');
    expect(me!.principal).toMatchObject({ name: 'Ada', role: 'member' });
    const left = Date.parse(me!.token!.expiresAt!) - Date.now();
    expect(left).toBeGreaterThan(9 * 3_600_000);
    expect(left).toBeLessThanOrEqual(10 * 3_600_000);
    await expect(client!.listInvites()).rejects.toMatchObject({ code: 'forbidden' });
    const { items } = await server.client.audit({ act: 'endSingleSignOn', limit: 5 });
    expect(items[0]).toMatchObject({ person: { name: 'Ada' }, outcome: 'done' });
    expect(JSON.stringify(items)).not.toMatch(/code=|state=/);
  });

  test('is the same person again, with the role that the claims give now, at once and everywhere', async () => {
    const first = await signIn('ada');
    provider.people['ada']!['groups'] = 'guests';
    const again = await signIn('ada');
    expect(again.me!.principal).toEqual({ ...first.me!.principal, role: 'viewer' });
    expect((await first.client!.me()).principal.role).toBe('viewer');
    expect((await server.client.listPeople()).filter(({ name }) => name === 'Ada')).toHaveLength(1);
  });

  test('has another name than somebody who was here before', async () => {
    await server.client.addPerson({ name: 'Bob', role: 'member' });
    provider.people['bob2'] = { name: 'Bob', groups: ['admins'] };
    const { me } = await signIn('bob2');
    expect(me!.principal).toMatchObject({ name: 'bob2', role: 'owner' });
  });
});

describe('OIDC-2: nobody comes in', () => {
  test('without a role, and is told so', async () => {
    provider.people['eve'] = { name: 'Eve', groups: ['<b>admins'] };
    const { status, page } = await signIn('eve');
    expect(status).toBe(403);
    expect(page).toContain('127.0.0.1 gives you no role here.');
    expect((await server.client.listPeople()).map(({ name }) => name)).not.toContain('Eve');
  });

  test('whom an owner has removed', async () => {
    provider.people['max'] = { name: 'Max', groups: ['staff'] };
    const { me } = await signIn('max');
    await server.client.removePerson(me!.principal.id);
    const { status, page } = await signIn('max');
    expect(status).toBe(403);
    expect(page).toContain('Max was removed from this server');
  });

  test('OIDC-3: whom the provider has taken the role from, and what they had has ended', async () => {
    provider.people['lea'] = { name: 'Lea', groups: ['staff'] };
    const { me, client } = await signIn('lea');
    const { id } = me!.principal;
    const given = await server.client.createToken({ name: 'build', personId: id });
    const link = await client!.makeSignInLink();
    provider.people['lea']['groups'] = ['nobody'];
    expect((await signIn('lea')).status).toBe(403);
    for (const token of [client!, createClient({ url: server.url, token: given.token })]) {
      await expect(token.me()).rejects.toMatchObject({ code: 'unauthorized' });
    }
    const late = await server.call('POST', '/v1/sign-in', { body: { code: codeIn(link.url) }, headers: {} });
    expect(late.status).toBe(401);
    const { items } = await server.client.audit({ act: 'endSingleSignOn', limit: 5 });
    expect(items[0]).toMatchObject({ person: { name: 'Lea' }, outcome: 'refused', details: { ended: true } });
    // The others have kept theirs, and she comes back with her role.
    provider.people['lea']['groups'] = ['staff'];
    expect((await signIn('lea')).me!.principal).toEqual(me!.principal);
  });

  test('OIDC-4: but whom an owner has readmitted comes in as before', async () => {
    provider.people['noa'] = { name: 'Noa', groups: ['staff'] };
    const { me, client } = await signIn('noa');
    const { id } = me!.principal;
    await server.client.removePerson(id);
    expect((await signIn('noa')).status).toBe(403);
    await expect(client!.readmitPerson(id)).rejects.toMatchObject({ code: 'unauthorized' });
    expect((await server.client.listRemovedPeople()).map(({ name }) => name)).toContain('Noa');
    expect(await server.client.readmitPerson(id)).toMatchObject({ id, name: 'Noa', tokens: 0 });
    await expect(client!.me()).rejects.toMatchObject({ code: 'unauthorized' });
    expect((await signIn('noa')).me!.principal).toEqual(me!.principal);
    await expect(server.client.readmitPerson(id)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('in a browser that has not begun it, or that has begun another one', async () => {
    const mine = await begin();
    const theirs = await begin();
    const answer = await signInAt(theirs.url, 'ada');
    for (const cookie of ['', mine.cookie, `${mine.cookie}x`]) {
      const refused = await end(answer, cookie);
      expect(refused.status).toBe(401);
      expect(refused.page).toContain('was not begun in this browser');
    }
    // It is not used up.
    expect((await end(answer, theirs.cookie)).status).toBe(302);
  });

  test('twice with one answer', async () => {
    const { url, cookie } = await begin();
    const answer = await signInAt(url, 'ada');
    expect((await end(answer, cookie)).status).toBe(302);
    expect((await end(answer, cookie)).status).toBe(401);
  });

  test('with an answer to another question', async () => {
    const changed = (cookie: string, change: object): string => {
      const [name, value = ''] = cookie.split('=');
      const known = JSON.parse(Buffer.from(value, 'base64url').toString()) as object;
      return `${name}=${Buffer.from(JSON.stringify({ ...known, ...change })).toString('base64url')}`;
    };
    for (const change of [{ nonce: 'another' }, { verifier: 'v'.repeat(43) }]) {
      const { url, cookie } = await begin();
      expect((await end(await signInAt(url, 'ada'), changed(cookie, change))).status).toBe(401);
    }
  });

  test.each([
    ['whose issuer sits at another address', { iss: 'http://127.0.0.1:1' }],
    ['for another client', { aud: 'another' }],
    ['that is over', { exp: 1 }],
    ['that says somebody else', { sub: 'root' }],
    // Only the signature tells that it is not the provider's.
    ['that gives another role', { groups: ['admins'] }],
  ])('with an id token %s', async (_, change) => {
    const tamper = (body: { id_token: string }): void => {
      const [header, payload = '', signature] = body.id_token.split('.');
      const claims = { ...(JSON.parse(Buffer.from(payload, 'base64url').toString()) as object), ...change };
      body.id_token = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
    };
    Object.assign(provider, { tamper });
    const { url, cookie } = await begin();
    const refused = await end(await signInAt(url, 'ada'), cookie);
    expect(refused.status).toBe(401);
    expect(refused.page).toContain('The answer of 127.0.0.1 is not valid');
  });

  test('if the provider says no', async () => {
    const { url, cookie } = await begin();
    const state = new URL(url).searchParams.get('state');
    const denied = new URL(new URL(url).searchParams.get('redirect_uri')!);
    denied.search = new URLSearchParams({ state: state!, error: 'access_denied', iss: provider.issuer }).toString();
    const refused = await end(denied.href, cookie);
    expect(refused.status).toBe(401);
    expect(refused.page).toContain('did not let you in');
  });
});
