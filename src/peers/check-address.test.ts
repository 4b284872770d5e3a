import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { silentLog } from '../lib/log.ts';
import { insertHost } from '../store/hosts.ts';
import { checkAddress } from './check-address.ts';

const hostId = randomUUID();
let database: TestDatabase;
let server: Server;
let answersAs: string | undefined;
let address: string;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  answersAs = hostId;
  server = createServer((request, response) => {
    if (answersAs !== undefined && request.headers['boocode-forwarded']) response.setHeader('boocode-host', answersAs);
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => server.close());

async function warnings(): Promise<string[]> {
  const said: string[] = [];
  const logger = { ...silentLog, warn: (_facts: object, message: string) => said.push(message) };
  await checkAddress({ sql: database.sql, peers: { sign: () => 'signed' }, hostId, address, logger });
  return said;
}

test('HOST-3: a host is content with an address that leads to itself', async () => {
  expect(await warnings()).toEqual([]);
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
});

test('HOST-3: a host warns of an address that another living host has told too', async () => {
  const id = randomUUID();
  await insertHost(database.sql, { id, machine: 'm', pid: 1, pidStarted: '', version: '0', name: 'twin', address });
  expect(await warnings()).toEqual(['The advertise URL is that of another host too: twin. Each needs one of its own.']);
  await database.sql`update boocode.hosts set stopped_at = clock_timestamp() where id = ${id}`;
  expect(await warnings()).toEqual([]);
});
