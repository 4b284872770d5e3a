import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { silentLog } from '../lib/log.ts';
import { insertHost } from '../store/hosts.ts';
import { checkAddress } from './check-address.ts';
import { hostItself, type PeerRequest } from './peers.ts';

const hostId = randomUUID();
let database: TestDatabase;
let server: Server;
let answersAs: string | undefined;
let address: string;
let signed: PeerRequest[];
let facts: object[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  [answersAs, signed, facts] = [hostId, [], []];
  server = createServer((request, response) => {
    const isAsked =
      `${request.method} ${request.url}` === 'GET /v1/info' && request.headers['boocode-forwarded'] === 'signed';
    if (answersAs !== undefined && isAsked) response.setHeader('boocode-host', answersAs);
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => server.close());

async function warnings(): Promise<string[]> {
  const said: string[] = [];
  const logger = {
    ...silentLog,
    warn(given: object, message: string) {
      facts.push(given);
      said.push(message);
    },
  };
  const peers = {
    sign(request: PeerRequest) {
      signed.push(request);
      return 'signed';
    },
  };
  await checkAddress({ sql: database.sql, peers, hostId, address, logger });
  return said;
}

test('HOST-3: a host is content with an address that leads to itself', async () => {
  expect(await warnings()).toEqual([]);
  expect(signed).toEqual([
    { to: hostId, method: 'GET', target: '/v1/info', body: new Uint8Array(), principal: hostItself },
  ]);
});

test('HOST-3: a host warns of an address that leads elsewhere, or nowhere', async () => {
  answersAs = 'another-host';
  expect(await warnings()).toEqual(['The advertise URL leads to another host: another-host.']);
  answersAs = undefined;
  expect(await warnings()).toEqual(['The advertise URL leads to something else than this host.']);
  await new Promise((resolve) => server.close(resolve));
  expect(await warnings()).toEqual([
    'The advertise URL cannot be reached from this host; others may reach it nevertheless.',
  ]);
  expect(facts).toEqual([{ address }, { address }, { address, err: expect.objectContaining({ name: 'PeerError' }) }]);
});

test('HOST-3: a host warns of an address that another living host has told too', async () => {
  const id = randomUUID();
  await insertHost(database.sql, { id, machine: 'm', pid: 1, pidStarted: '', version: '0', name: 'twin', address });
  const another = { id: randomUUID(), machine: 'm', pid: 1, pidStarted: '', version: '0', name: 'triplet', address };
  await insertHost(database.sql, another);
  expect(await warnings()).toEqual([
    'The advertise URL is that of another host too: twin, triplet. Each needs one of its own.',
  ]);
  await database.sql`update boocode.hosts set stopped_at = clock_timestamp() where address = ${address}`;
  expect(await warnings()).toEqual([]);
});
