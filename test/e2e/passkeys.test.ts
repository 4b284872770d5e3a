// Passkeys with real signatures, on two hosts of one database: who has one signs in with it, and nobody else.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient, type Passkey, type PasskeyQuestion } from '../../src/client/client.ts';
import { runCli } from '../../src/cli/run.ts';
import { digestOf } from '../../src/people/grant.ts';
import { type Lies, makePasskey, type SoftwarePasskey, usePasskey } from '../support/software-authenticator.ts';
import { createFakeTerminal } from '../support/fake-terminal.ts';
import { type Answer, openServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

const site = 'https://boo.example.org';
let one: TestServer;
let two: TestServer;
/** Of a browser of the server's owner: the server's own token is another one on each host. */
let ownerToken: string;
beforeAll(async () => {
  const config = { publicOrigins: [site, 'https://other.example.org'] };
  one = await openServer({ config });
  two = await openServer({ beside: one, config });
  const { url } = await one.client.makeSignInLink();
  ownerToken = (await one.client.signIn(url.split('#code=')[1]!)).token;
});
afterAll(async () => {
  await two.close();
  await one.close();
});

interface Asked {
  token?: string;
  origin?: string;
  host?: TestServer;
  body?: unknown;
}

function post(path: string, { token, origin = site, host = one, body }: Asked) {
  const headers = {
    origin,
    'user-agent': 'Firefox/1 Linux',
    authorization: token === undefined ? '' : `Bearer ${token}`,
  };
  return host.call('POST', path, { headers, ...(body !== undefined && { body }) });
}

async function person(name: string, role: 'owner' | 'member' | 'viewer', expiresInSeconds?: number) {
  const { id } = await one.client.addPerson({ name, role });
  const made = await one.client.createToken({
    name: 'first',
    personId: id,
    ...(expiresInSeconds && { expiresInSeconds }),
  });
  return { id, token: made.token };
}

const question = (answer: { body: Record<string, unknown> }): PasskeyQuestion =>
  answer.body as unknown as PasskeyQuestion;

async function add(
  token: string,
  { name = 'phone', lies = {}, origin = site }: { name?: string; lies?: Lies; origin?: string } = {},
) {
  const begun = await post('/v1/passkeys/begin', { token, origin });
  expect([begun.status, begun.headers.get('cache-control')]).toEqual([200, 'no-store']);
  const { passkey, credential } = makePasskey(question(begun), origin, lies);
  const added = await post('/v1/passkeys', { token, origin, host: two, body: { name, credential } });
  return { passkey, added, credential, row: added.body as unknown as Passkey };
}

async function begin(origin = site): Promise<PasskeyQuestion> {
  return question(await post('/v1/sign-in/passkey/begin', { origin }));
}

async function use(passkey: SoftwarePasskey, lies: Lies = {}, origin = site) {
  const credential = usePasskey(passkey, await begin(origin), origin, lies);
  return post('/v1/sign-in/passkey', { host: two, origin, body: { credential } });
}

const meOf = (token: unknown) => createClient({ url: one.url, token: token as string }).me();
/** Wrong ones are counted like wrong sign-in codes: after twenty within a minute, the answer is 429, for wrong ones alone. */
function outcomeOf({ status, body }: Answer): string {
  const isRefused =
    (status === 401 && body['code'] === 'unauthorized') || (status === 429 && body['code'] === 'too_many_attempts');
  return isRefused ? 'refused' : String(status);
}

describe('PASSKEY-1: a passkey', () => {
  test('is made at one host, signs in at another, and opens a device session of its person', async () => {
    expect((await one.client.signInWays()).passkeys).toBe(false);
    const ada = await person('Ada', 'member');
    const { passkey, added, row } = await add(ada.token);
    expect(added.status).toBe(201);
    expect(row).toMatchObject({
      name: 'phone',
      personName: 'Ada',
      role: 'member',
      site: 'boo.example.org',
      lastUsedAt: null,
    });
    const signedIn = await use(passkey);
    expect(signedIn.status).toBe(200);
    expect(await meOf(signedIn.body['token'])).toMatchObject({
      principal: { id: ada.id, role: 'member' },
      token: { kind: 'browser', name: 'Firefox on Linux', idleDays: 90, expiresAt: null },
    });
    const [listed] = await createClient({ url: one.url, token: ada.token }).listPasskeys();
    expect(Date.parse(listed!.lastUsedAt!)).toBeGreaterThan(Date.now() - 60_000);
    await until(async () => (await two.client.signInWays()).passkeys);
    expect(JSON.stringify(await one.sql`select * from boocode.passkey_challenges`)).not.toContain('sign_in');
  });

  test('of the server’s owner signs the owner in', async () => {
    const { passkey } = await add(ownerToken);
    const signedIn = await use(passkey);
    expect((await meOf(signedIn.body['token'])).principal).toMatchObject({ id: 'owner', role: 'owner' });
  });

  test('gives no more than what it was made with, nor than its person has now', async () => {
    const { id } = await one.client.addPerson({ name: 'Bea', role: 'owner' });
    const { token } = await one.client.createToken({ name: 'less', personId: id, role: 'viewer' });
    const { passkey } = await add(token);
    expect((await meOf((await use(passkey)).body['token'])).principal.role).toBe('viewer');
    const cleo = await person('Cleo', 'owner');
    const { passkey: more } = await add(cleo.token);
    await one.client.patchPerson(cleo.id, { role: 'member' });
    expect((await meOf((await use(more)).body['token'])).principal.role).toBe('member');
  });

  test('is not made by what ends at a set time', async () => {
    const { token } = await person('Dan', 'member', 3600);
    const begun = await post('/v1/passkeys/begin', { token });
    expect([begun.status, begun.body['detail']]).toEqual([403, expect.stringContaining('ends at a set time')]);
  });

  test('needs a browser, and an address where browsers have passkeys', async () => {
    for (const path of ['/v1/passkeys/begin', '/v1/sign-in/passkey/begin']) {
      const bare = await one.call('POST', path);
      expect(bare).toMatchObject({ status: 400, body: { field: 'origin' } });
      const numbers = await post(path, { token: ownerToken, origin: one.url });
      expect(numbers.body['detail']).toContain('they need https and a name, or http://localhost');
    }
  });
});

describe('PASSKEY-2: a passkey is not added', () => {
  test.each<[string, Lies]>([
    ['for another origin', { origin: 'https://other.example.org' }],
    ['for another host', { site: 'other.example.org' }],
    ['with another challenge', { challenge: 'AAAA' }],
    ['in a frame of another site', { crossOrigin: true }],
    ['as an answer to another question', { type: 'webauthn.get' }],
    ['if nobody has unlocked the device', { isVerified: false }],
    ['with an attestation, for which addresses in it would be asked', { format: 'packed' }],
  ])('%s', async (_what, lies) => {
    const { added } = await add(ownerToken, { name: 'never', lies });
    expect(added.body).toMatchObject({ field: 'credential' });
    expect((await one.client.listPasskeys()).map(({ name }) => name)).not.toContain('never');
  });

  test('twice, with what somebody else has begun, or at another origin than it was begun at', async () => {
    const eve = await person('Eve', 'member');
    const again = await add(eve.token);
    expect(again.added.status).toBe(201);
    const body = { name: 'again', credential: again.credential };
    expect((await post('/v1/passkeys', { token: eve.token, body })).status).toBe(400);

    const begun = question(await post('/v1/passkeys/begin', { token: ownerToken }));
    const { credential } = makePasskey(begun, site);
    expect((await post('/v1/passkeys', { token: eve.token, body: { name: 'theirs', credential } })).status).toBe(400);
    const elsewhere = { token: ownerToken, origin: 'https://other.example.org', body: { name: 'there', credential } };
    expect((await post('/v1/passkeys', elsewhere)).status).toBe(400);
    expect((await post('/v1/passkeys', { token: ownerToken, body: { name: 'mine', credential } })).status).toBe(201);
    // The key is known, even if it was asked for once more.
    const more = question(await post('/v1/passkeys/begin', { token: eve.token }));
    const known = makePasskey(more, site);
    for (const status of [201, 400]) {
      const next = question(await post('/v1/passkeys/begin', { token: eve.token }));
      const data = makePasskey(next, site).credential.response.clientDataJSON;
      const response = { ...known.credential.response, clientDataJSON: data };
      const answer = await post('/v1/passkeys', {
        token: eve.token,
        body: { name: 'same', credential: { ...known.credential, response } },
      });
      expect(answer.status).toBe(status);
    }
  });

  test('beyond twenty for one person', async () => {
    const { token } = await person('Tom', 'viewer');
    for (let count = 0; count < 20; count += 1) expect((await add(token)).added.status).toBe(201);
    expect((await add(token)).added.body['detail']).toContain('has 20 passkeys');
  });
});

describe('PASSKEY-3: nobody signs in', () => {
  let passkey: SoftwarePasskey;
  let row: Passkey;
  beforeAll(async () => {
    const { token } = await person('Fay', 'member');
    ({ passkey, row } = await add(token));
  });

  test.each<[string, Lies]>([
    ['for another origin', { origin: 'https://other.example.org' }],
    ['for another host', { site: 'other.example.org' }],
    ['with another challenge', { challenge: 'AAAA' }],
    ['in a frame of another site', { crossOrigin: true }],
    ['with what was signed to add one', { type: 'webauthn.create' }],
    ['if nobody has unlocked the device', { isVerified: false }],
    ['as somebody else', { userHandle: 'AAAA' }],
  ])('%s', async (_what, lies) => {
    expect(outcomeOf(await use(passkey, lies))).toBe('refused');
  });

  test('with a copy of a device, whose count has fallen behind', async () => {
    expect((await use(passkey)).status).toBe(200);
    const { counter } = passkey;
    expect(outcomeOf(await use(passkey, { counter }))).toBe('refused');
    expect((await use(passkey, { counter: counter + 3 })).status).toBe(200);
    expect(outcomeOf(await use(passkey, { counter: counter + 3 }))).toBe('refused');
    expect(outcomeOf(await use(passkey, { counter: 0 }))).toBe('refused');
    passkey.counter = counter + 10;
  });

  test('twice with one answer, also at once on two hosts, or later than five minutes', async () => {
    const body = { credential: usePasskey(passkey, await begin(), site) };
    const both = await Promise.all([one, two].map((host) => post('/v1/sign-in/passkey', { host, body })));
    expect(both.map(outcomeOf).toSorted()).toEqual(['200', 'refused']);
    expect(outcomeOf(await post('/v1/sign-in/passkey', { body }))).toBe('refused');
    const late = await begin();
    const { challenge } = late.publicKey as { challenge: string };
    await one.sql`update boocode.passkey_challenges set expires_at = clock_timestamp() where digest = ${digestOf(challenge)}`;
    const credential = usePasskey(passkey, late, site);
    expect(outcomeOf(await post('/v1/sign-in/passkey', { body: { credential } }))).toBe('refused');
  });

  test('with what was begun at another origin, or to add a passkey', async () => {
    const other = await begin('https://other.example.org');
    expect(
      outcomeOf(await post('/v1/sign-in/passkey', { body: { credential: usePasskey(passkey, other, site) } })),
    ).toBe('refused');
    const adding = question(await post('/v1/passkeys/begin', { token: ownerToken }));
    expect(
      outcomeOf(await post('/v1/sign-in/passkey', { body: { credential: usePasskey(passkey, adding, site) } })),
    ).toBe('refused');
    // A browser would not: the key is for another host.
    expect(outcomeOf(await use(passkey, { site: 'other.example.org' }, 'https://other.example.org'))).toBe('refused');
  });

  test('with the signature of another key', async () => {
    const { passkey: other } = await add(ownerToken);
    const credential = usePasskey(
      { ...other, id: passkey.id, userHandle: passkey.userHandle, counter: 900 },
      await begin(),
      site,
    );
    expect(outcomeOf(await post('/v1/sign-in/passkey', { body: { credential } }))).toBe('refused');
  });

  test('with a passkey that was removed, or whose person was', async () => {
    const { token, id } = await person('Gus', 'member');
    const { passkey: first, row: listed } = await add(token);
    const { passkey: second } = await add(token);
    await createClient({ url: one.url, token }).removePasskey(listed.id);
    expect(outcomeOf(await use(first))).toBe('refused');
    expect((await use(second)).status).toBe(200);
    await one.client.removePerson(id);
    expect(outcomeOf(await use(second))).toBe('refused');
    expect(await one.sql`select id from boocode.passkeys where person_id = ${id}`).toEqual([]);
  });

  test('and the audit log tells what was done, and what was refused, without anything secret', async () => {
    await use(passkey);
    await use(passkey, { isVerified: false });
    const about = async () => {
      const { items } = await one.client.audit({ act: 'signInWithPasskey', limit: 50 });
      return items.filter(({ person: who, details }) => who?.name === 'Fay' && details['passkey'] === row.id);
    };
    const acts = await until(async () => {
      const found = await about();
      return found.some(({ outcome }) => outcome === 'done') && found[0]?.outcome === 'refused' ? found : undefined;
    });
    expect(acts[0]).toMatchObject({ outcome: 'refused', code: 'unauthorized' });
    const added = (await one.client.audit({ act: 'addPasskey', limit: 1000 })).items;
    expect(added.some(({ person: who, outcome }) => who?.name === 'Fay' && outcome === 'done')).toBe(true);
    expect(JSON.stringify([acts, added])).not.toMatch(/clientDataJSON|signature/);
  });

  test('and whoever begins too many has to wait, by source', async () => {
    const bare = await openServer({ beside: one, config: { publicOrigins: [site] } });
    try {
      const answers = [];
      for (let count = 0; count < 61; count += 1) answers.push(await post('/v1/sign-in/passkey/begin', { host: bare }));
      expect(answers.slice(0, 60).every(({ status }) => status === 200)).toBe(true);
      expect(answers[60]).toMatchObject({ status: 429, body: { code: 'too_many_attempts', retryAfterSeconds: 60 } });
    } finally {
      await bare.close();
    }
  });
});

describe('PASSKEY-4: passkeys', () => {
  test('are listed and removed by whoever has them, with no less than their role, and by owners', async () => {
    const { id, token } = await person('Hal', 'member');
    const { row } = await add(token, { name: 'laptop' });
    const less = await one.client.createToken({ name: 'less', personId: id, role: 'viewer' });
    const weak = createClient({ url: one.url, token: less.token });
    const ivy = createClient({ url: one.url, token: (await person('Ivy', 'member')).token });
    expect((await weak.listPasskeys()).map(({ name }) => name)).toEqual(['laptop']);
    expect(await ivy.listPasskeys()).toEqual([]);
    await expect(ivy.listPasskeys({ everyone: true })).rejects.toMatchObject({ code: 'forbidden' });
    await expect(weak.removePasskey(row.id)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(ivy.removePasskey(row.id)).rejects.toMatchObject({ code: 'not_found' });
    expect((await one.client.listPasskeys({ everyone: true })).map((each) => each.id)).toContain(row.id);
    await one.client.removePasskey(row.id);
    expect(await weak.listPasskeys()).toEqual([]);
  });

  test('are listed and removed by the command line', async () => {
    const { token } = await person('Jo', 'member');
    const run = async (...words: string[]) => {
      const terminal = createFakeTerminal({});
      const cli = { terminal, env: { HOME: '/nonexistent', BOOCODE_URL: one.url, BOOCODE_TOKEN: token }, exitCode: 0 };
      await runCli(cli, words);
      return { code: cli.exitCode, out: terminal.stdout, err: terminal.stderr };
    };
    expect((await run('passkey')).err).toContain('There are none.');
    const { row } = await add(token, { name: 'laptop' });
    expect((await run('passkey')).out).toMatch(/Jo +laptop +member +boo\.example\.org +\d+s ago +never/);
    expect(JSON.parse((await run('passkey', 'list', '--json')).out)).toEqual([row]);
    expect(await run('passkey', 'list', '--all')).toMatchObject({
      code: 1,
      err: expect.stringContaining('need the role owner'),
    });
    expect((await run('passkey', 'remove', row.id.slice(0, 13))).err).toBe('Removed: laptop, of Jo.\n');
    expect(await run('passkey', 'remove', row.id)).toMatchObject({
      code: 1,
      err: expect.stringContaining('No passkey'),
    });
  });
});
