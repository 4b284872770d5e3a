// Browsers that sign in by links, on two hosts of one database, which the second one reaches through a proxy.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadSocket } from '../../src/cli/node-socket.ts';
import { type BooClient, createClient, type Role } from '../../src/client/client.ts';
import { digestOf } from '../../src/people/grant.ts';
import { openPostgresProxy, type PostgresProxy } from '../support/postgres-proxy.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

let one: TestServer;
let two: TestServer;
let proxy: PostgresProxy;
beforeAll(async () => {
  one = await openServer();
  proxy = await openPostgresProxy(one.database.url);
  two = await openServer({ beside: one, config: { databaseUrl: proxy.url } });
});
afterAll(async () => {
  await two.close();
  await proxy.close();
  await one.close();
});

interface Act {
  act: string;
  person: unknown;
}

const codeOf = (url: string): string => url.split('#code=')[1]!;
const clientAt = ({ url }: TestServer, token?: string): BooClient => createClient({ url, token, clientName: 'test' });
const linkBy = async (client: BooClient): Promise<string> => codeOf((await client.makeSignInLink()).url);

async function signInAt(host: TestServer, code: string): Promise<{ client: BooClient; token: string; id: string }> {
  const { token } = await clientAt(host).signIn(code);
  const client = clientAt(host, token);
  return { client, token, id: (await client.me()).token!.id };
}

async function person(name: string, role: Role): Promise<BooClient> {
  const { id } = await one.client.addPerson({ name, role });
  return clientAt(one, (await one.client.createToken({ name: 'first', personId: id })).token);
}

describe('SESSION-1: a browser that signs in by a link', () => {
  test('gets a token of its own, also at another host than the link is from, which is listed with its name', async () => {
    const code = codeOf(one.running.signInLink());
    // This link is printed while it is being stored. The host that has made it would wait for that.
    const isStored = () => one.sql`select from boocode.sign_in_codes where digest = ${digestOf(code)}`;
    await until(async () => (await isStored()).length > 0);
    const { client, token } = await signInAt(two, code);
    expect(token).not.toBe(one.token);
    expect(await client.me()).toMatchObject({
      principal: { id: 'owner', role: 'owner' },
      token: { kind: 'browser', name: 'A browser', idleDays: 90, expiresAt: null, isThis: true, personName: 'owner' },
    });
    await client.listChats();
    expect((await clientAt(one, token).listTokens()).map(({ isThis }) => isThis)).toContain(true);
  });

  test('ends after ninety days without use', async () => {
    const [{ token }, { token: used }] = [
      await clientAt(one).signIn(await linkBy(one.client)),
      await clientAt(one).signIn(await linkBy(one.client)),
    ];
    const unusedFor = (secret: string, days: number) => one.sql`
      update boocode.access_tokens set created_at = clock_timestamp() - ${days} * interval '1 day'
      where digest = ${digestOf(secret)}`;
    await unusedFor(token, 91);
    await unusedFor(used, 89);
    await expect(clientAt(two, token).me()).rejects.toMatchObject({ code: 'unauthorized' });
    await clientAt(two, used).me();
  });
});

describe('SESSION-2: a link', () => {
  test('signs in whoever asked for it, and the audit log names them', async () => {
    const vic = await person('Vic', 'viewer');
    const { client } = await signInAt(one, await linkBy(vic));
    expect((await client.me()).principal).toMatchObject({ name: 'Vic', role: 'viewer' });
    await expect(client.createChat({ cwd: one.workDir })).rejects.toMatchObject({ code: 'forbidden' });
    const acts = await until(async () => {
      const items = (await one.call('GET', '/v1/audit?limit=20')).body['items'] as Act[];
      return items.some(({ act }) => act === 'signIn') ? items : undefined;
    });
    expect(acts.find(({ act }) => act === 'signIn')!.person).toMatchObject({ name: 'Vic' });
    expect(acts.find(({ act }) => act === 'createSignInLink')!.person).toMatchObject({ name: 'Vic' });
  });

  test('does nothing once the token that it was made with has ended', async () => {
    const member = await person('Mia', 'member');
    const code = await linkBy(member);
    await one.client.revokeToken((await member.me()).token!.id);
    await expect(clientAt(two).signIn(code)).rejects.toMatchObject({ code: 'unauthorized' });
  });
});

describe('SESSION-4: a session', () => {
  test('that is revoked, or signs out, ends at once with what it has open; others stay', async () => {
    const [first, second, third] = [
      await signInAt(one, await linkBy(one.client)),
      await signInAt(one, await linkBy(one.client)),
      await signInAt(one, await linkBy(one.client)),
    ];
    for (const [{ client }, end] of [
      [first, () => one.client.revokeToken(first.id)],
      [second, () => second.client.signOut()],
    ] as const) {
      const states: string[] = [];
      const live = client.live({ WebSocket: await loadSocket() });
      live.onState((state) => states.push(state));
      await until(() => states.includes('open'));
      await end();
      await until(() => states.at(-1) !== 'open');
      live.close();
      await expect(client.me()).rejects.toMatchObject({ code: 'unauthorized' });
    }
    expect((await third.client.me()).token?.id).toBe(third.id);
  });

  test('ends only itself by signing out: a token that is used elsewhere, too, and the server’s own stay', async () => {
    const named = await person('Ned', 'member');
    for (const client of [named, one.client]) {
      await client.signOut();
      expect((await client.me()).token?.kind).not.toBe('browser');
    }
  });

  test('outlives a restart, and a new token of the server', async () => {
    const { token } = await signInAt(one, await linkBy(one.client));
    const code = await linkBy(one.client);
    await one.client.rotateServerToken();
    await expect(clientAt(one).signIn(code)).rejects.toMatchObject({ code: 'unauthorized' });
    await one.restart();
    expect((await clientAt(one, token).me()).principal.id).toBe('owner');
  });
});

describe('SESSION-5: a new token of the server', () => {
  test('ends what its owner has besides, if that is asked for, and nothing of others', async () => {
    const nia = await person('Nia', 'owner');
    const browser = await signInAt(one, await linkBy(one.client));
    const made = clientAt(one, (await one.client.createToken({ name: 'build' })).token);
    const code = await linkBy(browser.client);
    await one.sql`
      insert into boocode.passkeys (id, credential_id, user_handle, rp_id, public_key, counter, name, role)
      values (${randomUUID()}, 'a', 'b', 'localhost', 'c', 0, 'phone', 'owner')`;
    await nia.rotateServerToken({ endSessions: true });
    for (const client of [browser.client, made, one.client]) {
      await expect(client.me()).rejects.toMatchObject({ code: 'unauthorized' });
    }
    await expect(clientAt(one).signIn(code)).rejects.toMatchObject({ code: 'unauthorized' });
    expect(await nia.listPasskeys({ everyone: true })).toEqual([]);
    expect((await nia.me()).principal.name).toBe('Nia');
    await one.restart();
    expect((await one.client.me()).principal.id).toBe('owner');
  });
});

describe('SESSION-3: while the database is away', () => {
  test('nobody is signed out: sessions and codes wait for it, and the server’s own token needs none', async () => {
    const { token } = await clientAt(one).signIn(await linkBy(one.client));
    const code = await linkBy(one.client);
    await proxy.goDown();
    try {
      const session = await two.call('GET', '/v1/me', { headers: { authorization: `Bearer ${token}` } });
      expect([session.status, session.body['code']]).toEqual([503, 'storage_unavailable']);
      await expect(clientAt(two).signIn(code)).rejects.toMatchObject({ code: 'storage_unavailable' });
      expect(await two.client.me()).toMatchObject({ principal: { id: 'owner' } });
    } finally {
      await proxy.comeUp();
    }
    await until(() =>
      clientAt(two, token)
        .me()
        .then(
          () => true,
          () => false,
        ),
    );
    await signInAt(two, code);
  });
});
