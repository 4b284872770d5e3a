import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { lostQuery } from '../../test/support/lost-query.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { silentLog } from '../lib/log.ts';
import type { Principal } from '../protocol/principal.ts';
import { insertHost } from '../store/hosts.ts';
import { hostItself, type PeerRequest, Peers, peerLimits } from './peers.ts';
import { digestOf, openSigned, sign, type SignedRequest } from './signature.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const person: Principal = { id: 'p1', name: 'Ada', role: 'owner' };
let one: Host;
let two: Host;

interface Host {
  hostId: string;
  clock: ManualClock;
  peers: Peers;
}

async function openHost(limits = peerLimits): Promise<Host> {
  const hostId = randomUUID();
  const clock = new ManualClock();
  // Each host's own clock started at some time of its own.
  clock.advance(Math.random() * 1e9);
  await insertHost(database.sql, { id: hostId, machine: 'm', pid: 1, pidStarted: '', version: '0' });
  const peers = new Peers({ sql: database.sql, hostId, clock, logger: silentLog, limits });
  await peers.start();
  return { hostId, clock, peers };
}

beforeEach(async () => {
  await database.sql`delete from boocode.hosts`;
  await database.sql`delete from boocode.peer_keys`;
  one = await openHost();
  two = await openHost();
});

const requestTo = (to: string): PeerRequest => ({
  to,
  method: 'POST',
  target: '/v1/chats/x/prompts?a=b',
  body: Buffer.from('{"content":"hi"}'),
  principal: person,
});

describe('HOST-5: a request of another host', () => {
  test('is known by its signature, with the person on whose behalf it is sent', async () => {
    const request = requestTo(two.hostId);
    expect(await two.peers.verify(one.peers.sign(request), request)).toEqual({
      from: one.hostId,
      principal: person,
      bodyDigest: digestOf(request.body),
    });
  });

  test('is accepted once', async () => {
    const request = requestTo(two.hostId);
    const header = one.peers.sign(request);
    await two.peers.verify(header, request);
    await expect(two.peers.verify(header, request)).rejects.toThrow('boocode-forwarded: was used before.');
    await two.peers.verify(one.peers.sign(request), request);
  });

  test('is refused for another method or path, and by another host', async () => {
    const request = requestTo(two.hostId);
    for (const change of [{ method: 'GET' }, { target: '/v1/chats/x/prompts' }]) {
      const wrong = two.peers.verify(one.peers.sign(request), { ...request, ...change });
      await expect(wrong).rejects.toMatchObject({
        code: 'unauthorized',
        message: 'boocode-forwarded: is for another request.',
        details: { field: 'boocode-forwarded' },
      });
    }
    await expect(one.peers.verify(one.peers.sign(request), request)).rejects.toMatchObject({
      code: 'wrong_host',
      message: 'This request is for another host than the one that has got it.',
      details: { hostId: one.hostId },
    });
  });

  test('is refused if anything of its header was changed', async () => {
    const request = requestTo(two.hostId);
    const header = one.peers.sign(request);
    const [keyId, payload, mac] = header.split('.') as [string, string, string];
    const opened = JSON.parse(Buffer.from(payload, 'base64url').toString()) as SignedRequest;
    const other = { ...opened, principal: { ...person, id: 'p2' } };
    const forged = Buffer.from(JSON.stringify(other)).toString('base64url');
    const wrong = [
      `${keyId}.${forged}.${mac}`,
      `${randomUUID()}.${payload}.${mac}`,
      `${keyId}.${payload}.${mac.slice(0, -2)}`,
      `${keyId}.${payload}`,
      `${keyId}.${payload}.`,
      sign({ id: keyId, secret: Buffer.alloc(32).toString('base64') }, opened),
      '',
      '...',
    ];
    for (const each of wrong) {
      await expect(two.peers.verify(each, request)).rejects.toThrow('is not signed with a key of this database.');
    }
    await two.peers.verify(header, request);
  });

  test('is refused a minute after it was signed, by the database’s clock alone', async () => {
    const request = requestTo(two.hostId);
    const [late, inTime] = [one.peers.sign(request), one.peers.sign(request)];
    two.clock.advance(59_000);
    await two.peers.verify(inTime, request);
    // A host whose own clock has run ahead asks the database for the time, at most once a second.
    two.clock.advance(3_600_000);
    await two.peers.verify(one.peers.sign(request), request);
    const key = await database.sql<{ id: string; secret: string }[]>`select id, secret from boocode.peer_keys`;
    const signed = openSigned(key[0]!, late)!;
    const old = sign(key[0]!, { ...signed, at: signed.at - 61_000 });
    await expect(two.peers.verify(old, request)).rejects.toThrow('boocode-forwarded: is too old.');
    const early = sign(key[0]!, { ...signed, at: signed.at + 65_000, nonce: 'another one of them' });
    await expect(two.peers.verify(early, request)).rejects.toMatchObject({ code: 'unauthorized' });
  });
});

describe('HOST-5: the keys', () => {
  const keys = () => database.sql<{ id: string; secret: string }[]>`
    select id, secret from boocode.peer_keys order by created_at desc`;

  test('are one for all hosts, of 32 random bytes, until it is a day old', async () => {
    const [key, ...more] = await keys();
    expect(more).toEqual([]);
    expect(Buffer.from(key!.secret, 'base64')).toHaveLength(32);
    await database.sql`update boocode.peer_keys set created_at = created_at - interval '25 hours'`;
    const three = await openHost();
    expect(await keys()).toHaveLength(2);
    // The others learn of the new key when they see it used, and still use the old one, which stays valid.
    const request = requestTo(two.hostId);
    two.clock.advance(1_500);
    await two.peers.verify(three.peers.sign(request), request);
    const back = requestTo(three.hostId);
    await three.peers.verify(one.peers.sign(back), back);
  });

  test('end after three days', async () => {
    const request = requestTo(two.hostId);
    await database.sql`update boocode.peer_keys set created_at = created_at - interval '73 hours'`;
    two.clock.advance(5_000);
    await openHost();
    expect(await keys()).toHaveLength(1);
    two.clock.advance(5_000);
    await two.peers.stop();
    await expect(two.peers.verify(one.peers.sign(request), request)).rejects.toMatchObject({ code: 'unauthorized' });
  });

  test('of another database are refused, and do not have this one asked again and again', async () => {
    const stranger = { id: randomUUID(), secret: Buffer.alloc(32, 7).toString('base64') };
    const request = requestTo(two.hostId);
    const opened: SignedRequest = {
      from: one.hostId,
      to: two.hostId,
      at: Date.now(),
      nonce: 'a nonce for one request',
      method: request.method,
      target: request.target,
      body: digestOf(request.body),
      principal: person,
    };
    const calls: string[] = [];
    const sql = new Proxy(database.sql, {
      apply(target, self, given) {
        calls.push('query');
        return Reflect.apply(target, self, given) as unknown;
      },
    });
    const clock = new ManualClock();
    const peers = new Peers({ sql, hostId: two.hostId, clock, logger: silentLog });
    await peers.start();
    calls.length = 0;
    clock.advance(1_500);
    for (let times = 0; times < 10; times += 1) {
      await expect(peers.verify(sign(stranger, opened), request)).rejects.toMatchObject({ code: 'unauthorized' });
    }
    expect(calls.length).toBeLessThan(5);
    await peers.stop();
  });
});

describe('HOST-5: what a host asks of the database', () => {
  let queries: number;
  let isAway: boolean;
  let warnings: object[];
  let clock: ManualClock;
  let peers: Peers;
  let hostId: string;
  beforeEach(() => {
    [queries, isAway, warnings] = [0, false, []];
    [clock, hostId] = [new ManualClock(), one.hostId];
    const sql = new Proxy(database.sql, {
      apply(target, self, given) {
        queries += 1;
        return isAway ? lostQuery('away') : (Reflect.apply(target, self, given) as unknown);
      },
    });
    const logger = { ...silentLog, warn: (facts: object) => warnings.push(facts) };
    peers = new Peers({ sql, hostId, clock, logger });
  });
  afterEach(() => peers.stop());
  const scheduled = () => until(() => clock.nextMs !== null, { what: 'the next look at the database' });

  /** A request to itself, and what the host says to it. */
  const own = () => requestTo(hostId);
  const check = (header = peers.sign(own())) => peers.verify(header, own());
  const stranger = `${randomUUID()}.payload.mac`;

  /** Stopped, so that only the clock of the test moves what it takes for the database's time. */
  async function startAndStop(): Promise<void> {
    await peers.start();
    await peers.stop();
    queries = 0;
  }

  test('before it has started it knows nobody, and asks when another host does', async () => {
    expect(peers.hasOthers).toBe(false);
    expect(() => peers.sign(own())).toThrow(expect.objectContaining({ code: 'internal' }));
    expect(() => peers.sign(own())).toThrow('There is no key for other hosts yet.');
    await peers.verify(one.peers.sign(own()), own());
    expect(queries).toBeGreaterThan(0);
    await peers.stop();
  });

  test('it does so every five seconds until it stops', async () => {
    await peers.start();
    for (let times = 0; times < 3; times += 1) {
      expect(clock.nextMs).toBe(5_000);
      queries = 0;
      clock.advance(5_000);
      await scheduled();
      expect(queries).toBeGreaterThan(0);
    }
    await peers.stop();
    expect(clock.nextMs).toBeNull();
  });

  test('a stop waits for a look at the database, and is the end of it', async () => {
    await peers.start();
    isAway = true;
    clock.advance(5_000);
    expect(warnings).toEqual([]);
    await peers.stop();
    expect(warnings).toHaveLength(1);
    await new Promise(setImmediate);
    expect(clock.nextMs).toBeNull();
  });

  test('a database that is away is logged once, and again after it was there', async () => {
    await peers.start();
    for (const away of [true, true, false, true, true]) {
      isAway = away;
      clock.advance(5_000);
      await scheduled();
    }
    expect(warnings).toMatchObject([{ err: { message: 'away' } }, { err: { message: 'away' } }]);
    // Meanwhile the keys that it knows are good.
    await check();
  });

  test('a request that is in order costs no query until it is a minute old', async () => {
    await startAndStop();
    const [exactly, late] = [peers.sign(own()), peers.sign(own())];
    clock.advance(60_000);
    await check(exactly);
    expect(queries).toBe(0);
    clock.advance(1);
    await check(late);
    expect(queries).toBeGreaterThan(0);
  });

  test('an unknown key does at most once a second', async () => {
    await startAndStop();
    clock.advance(999);
    await expect(check(stranger)).rejects.toThrow('is not signed');
    expect(queries).toBe(0);
    clock.advance(1);
    await expect(check(stranger)).rejects.toThrow('is not signed');
    expect(queries).toBeGreaterThan(0);
  });

  test('a nonce is remembered for two minutes, when each request with it is too old', async () => {
    await startAndStop();
    const [key] = await database.sql<{ id: string; secret: string }[]>`select id, secret from boocode.peer_keys`;
    const first = peers.sign(own());
    const { at } = openSigned(key!, first)!;
    const later = (ms: number) => sign(key!, { ...openSigned(key!, first)!, at: at + ms });
    await check(first);
    clock.advance(119_999);
    await expect(check(later(119_999))).rejects.toThrow('was used before');
    clock.advance(1);
    await check(later(120_000));
    expect(queries).toBe(0);
  });
});

test('HOST-5: a host’s own requests are an owner’s', () => {
  expect(hostItself).toEqual({ id: 'host', name: 'host', role: 'owner' });
});

test('HOST-3: other hosts count as long as they have a heartbeat', async () => {
  expect(one.peers.hasOthers).toBe(false);
  await database.sql`update boocode.hosts set seen_at = clock_timestamp()`;
  const three = await openHost();
  expect(three.peers.hasOthers).toBe(true);
  await database.sql`update boocode.hosts set seen_at = clock_timestamp() - interval '21 seconds'`;
  expect((await openHost()).peers.hasOthers).toBe(false);
});
