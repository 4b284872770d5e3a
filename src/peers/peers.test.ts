import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { silentLog } from '../lib/log.ts';
import type { Principal } from '../protocol/principal.ts';
import { insertHost } from '../store/hosts.ts';
import { type PeerRequest, Peers, peerLimits } from './peers.ts';
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
    await expect(two.peers.verify(header, request)).rejects.toMatchObject({ code: 'unauthorized' });
    await two.peers.verify(one.peers.sign(request), request);
  });

  test('is refused for another method or path, and by another host', async () => {
    const request = requestTo(two.hostId);
    for (const change of [{ method: 'GET' }, { target: '/v1/chats/x/prompts' }]) {
      const wrong = two.peers.verify(one.peers.sign(request), { ...request, ...change });
      await expect(wrong).rejects.toMatchObject({ code: 'unauthorized', details: { field: 'boocode-forwarded' } });
    }
    await expect(one.peers.verify(one.peers.sign(request), request)).rejects.toMatchObject({
      code: 'wrong_host',
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
      await expect(two.peers.verify(each, request)).rejects.toMatchObject({ code: 'unauthorized' });
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
    await expect(two.peers.verify(old, request)).rejects.toMatchObject({ code: 'unauthorized' });
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

test('HOST-3: other hosts count as long as they have a heartbeat', async () => {
  expect(one.peers.hasOthers).toBe(false);
  await database.sql`update boocode.hosts set seen_at = clock_timestamp()`;
  const three = await openHost();
  expect(three.peers.hasOthers).toBe(true);
  await database.sql`update boocode.hosts set seen_at = clock_timestamp() - interval '21 seconds'`;
  expect((await openHost()).peers.hasOthers).toBe(false);
});
