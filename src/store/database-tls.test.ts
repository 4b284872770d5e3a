// With a real Postgres, and certificates made for these tests.
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openPostgresProxy } from '../../test/support/postgres-proxy.ts';
import { type OwnPostgres, startOwnPostgres, tlsFixtures } from '../../test/support/own-postgres.ts';
import { until } from '../../test/support/until.ts';
import { openDatabase, type Sql } from './database.ts';
import { readDatabaseFacts } from './database-facts.ts';
import { answerLost } from './in-time.ts';
import { firstAnswer } from './reach-database.ts';
import { migrate as migrateFromDoor, openDatabase as openFromDoor, PostgresSessionStore } from '../session-store.ts';
import { SlowLane } from './slow-lane.ts';

const byName = { ssl_cert_file: 'server-name.crt', ssl_key_file: 'test-only-server-name.key' };
const byAddress = { ssl_cert_file: 'server-address.crt', ssl_key_file: 'test-only-server-address.key' };

let postgres: OwnPostgres;
beforeAll(async () => {
  postgres = await startOwnPostgres({
    settings: { ssl: 'on', ssl_ca_file: 'ca.crt', ...byName },
    hba: [
      'hostssl all with_tls all scram-sha-256',
      'hostnossl all without_tls all scram-sha-256',
      'hostssl all with_certificate all cert',
      'host all boocode all scram-sha-256',
    ].join('\n'),
  });
  for (const role of ['with_tls', 'without_tls', 'with_certificate']) {
    await postgres.sql.unsafe(`create role ${role} login password 'own'`);
  }
});
afterAll(() => postgres?.close());

/** `PORT` is the server's port, `TLS` the certificates' directory; the user is `boocode` unless the URL names one. */
function urlOf(place: string, parameters: string): string {
  const login = place.includes('@') ? place.replace('@', ':own@') : `boocode:own@${place}`;
  const hosts = login.includes('PORT') ? login.replaceAll('PORT', String(postgres.port)) : `${login}:${postgres.port}`;
  return `postgres://${hosts}/postgres?${parameters.replaceAll('TLS', tlsFixtures)}`;
}

/** How the server is reached: `tls`, `plain`, or the reason why it is not. */
async function reach(place: string, parameters: string): Promise<string> {
  const url = urlOf(place, parameters);
  const tries = [
    readDatabaseFacts(url).then(() => 'reached', String),
    // As for a statement of a chat.
    answered(url, (sql) => sql<{ ssl: boolean }[]>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`),
  ] as const;
  const [facts, statement] = await Promise.all(tries);
  if (facts !== 'reached') return facts;
  return statement[0]?.ssl === true ? 'tls' : 'plain';
}

async function answered<T extends readonly object[]>(url: string, ask: (sql: Sql) => PromiseLike<T>): Promise<T | []> {
  let sql: Sql | undefined;
  try {
    sql = openDatabase(url, { max: 1 });
    return await ask(sql);
  } catch {
    return [];
  } finally {
    await sql?.end({ timeout: 1 });
  }
}

const authority = 'sslrootcert=TLS/ca.crt';
const otherAuthority = 'sslrootcert=TLS/other-ca.crt';

describe('DATA-18: a server that has TLS', () => {
  test.each([
    ['localhost', '', /^tls$/],
    ['localhost', 'sslmode=disable', /^plain$/],
    ['localhost', 'sslmode=allow', /^plain$/],
    ['localhost', 'sslmode=prefer', /^tls$/],
    ['localhost', 'sslmode=require', /^tls$/],
    ['localhost', 'sslmode=require&sslnegotiation=direct', /^tls$/],
    ['localhost', 'sslmode=require&channel_binding=prefer', /^tls$/],
    ['localhost', 'sslmode=require&channel_binding=disable', /^tls$/],
    ['localhost', 'sslmode=require&channel_binding=require', /channel_binding=require is not supported/],
    ['localhost', `sslmode=require&${authority}`, /^tls$/],
    ['localhost', `sslmode=verify-ca&${authority}`, /^tls$/],
    ['localhost', `sslmode=verify-full&${authority}`, /^tls$/],
    ['localhost', `sslmode=require&${otherAuthority}`, /not signed by an authority in sslrootcert/],
    ['localhost', `sslmode=verify-ca&${otherAuthority}`, /not signed by an authority in sslrootcert/],
    ['localhost', `sslmode=verify-full&${otherAuthority}`, /not signed by an authority in sslrootcert/],
    ['localhost', 'sslmode=verify-ca', /signed by an unknown authority.*sslmode=verify-ca.*sslrootcert/],
    ['localhost', 'sslmode=verify-full', /signed by an unknown authority.*sslmode=verify-full.*sslrootcert/],
    ['localhost', 'sslrootcert=system', /not signed by an authority in sslrootcert/],
    ['127.0.0.1', `sslmode=verify-ca&${authority}`, /^tls$/],
    ['127.0.0.1', `sslmode=verify-full&${authority}`, /is not valid for 127\.0\.0\.1.*sslmode=verify-full/],
    // By the server's rules for who may connect, and how.
    ['with_tls@localhost', 'sslmode=allow', /^tls$/],
    ['with_tls@localhost', 'sslmode=disable', /no encryption.*use sslmode=require/],
    ['without_tls@localhost', 'sslmode=prefer', /^plain$/],
    ['without_tls@localhost', 'sslmode=require', /SSL encryption.*use sslmode=disable/],
    ['with_certificate@localhost', 'sslmode=require&sslcert=TLS/client.crt&sslkey=TLS/test-only-client.key', /^tls$/],
    ['with_certificate@localhost', 'sslmode=require', /valid client certificate.*sslcert/],
    // Of several hosts, the first that satisfies the parameters.
    ['localhost:1,localhost:PORT', `sslmode=verify-full&${authority}`, /^tls$/],
    ['127.0.0.1:PORT,localhost:PORT', `sslmode=verify-full&${authority}`, /^tls$/],
    [
      'localhost:1,127.0.0.1:PORT',
      `sslmode=verify-full&${authority}`,
      /None of the database's hosts.* localhost:1 .*ECONNREFUSED.* is not valid for 127\.0\.0\.1/,
    ],
  ])('%s %s', async (place, parameters, wanted) => {
    expect(await reach(place, parameters)).toMatch(wanted);
  });

  test('sslrootcert=system means what this machine trusts', async () => {
    vi.stubEnv('SSL_CERT_FILE', join(tlsFixtures, 'ca.crt'));
    try {
      expect(await reach('localhost', 'sslrootcert=system')).toBe('tls');
      expect(await reach('127.0.0.1', 'sslrootcert=system')).toMatch(/is not valid for 127\.0\.0\.1/);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('a statement that nobody waits for is ended through TLS too, on the host where it runs', async () => {
    // The first of several hosts is where the driver's own cancel request would go.
    const standby = await openPostgresProxy(urlOf('localhost', ''));
    await standby.goDown();
    const { port } = new URL(standby.url);
    const sql = openDatabase(urlOf(`localhost:${port},localhost:PORT`, 'sslmode=require'), { max: 1 });
    const isRunning = async (): Promise<boolean> => {
      const rows = await postgres.sql`
        select 1 from pg_stat_activity where query like 'select pg_sleep(20%' and state = 'active'`;
      return rows.length > 0;
    };
    try {
      const late = new SlowLane(sql).ask((db) => db`select pg_sleep(20)`, { limitMs: 1000 });
      late.catch(() => undefined);
      await until(isRunning);
      standby.isFrozen = true;
      await standby.comeUp();
      await expect(late).rejects.toMatchObject({ code: 'query_timeout' });
      await until(async () => !(await isRunning()), { timeoutMs: 40_000, what: 'the end of the statement' });
    } finally {
      await sql.end({ timeout: 1 });
      await standby.close();
    }
  });

  test('a pool that is closed while it connects leaves no connection behind', async () => {
    const other = openDatabase(urlOf('localhost', 'sslmode=require'), { max: 1 });
    const closedEarly = async (turns: number): Promise<void> => {
      const sql = openDatabase(urlOf('localhost', 'sslmode=require&application_name=closed_early'), { max: 3 });
      const questions = Array.from({ length: 3 }, () => sql`select 1`.catch(() => undefined));
      for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
      await sql.end({ timeout: 0 });
      await Promise.all(questions);
    };
    const left = (): PromiseLike<object[]> =>
      other`select query from pg_stat_activity where application_name = 'closed_early'`;
    try {
      for (const turns of [1, 2, 4, 8, 16]) await closedEarly(turns);
      // Anything still on its way would arrive before these.
      for (let count = 0; count < 3; count += 1) {
        expect(await answered(urlOf('localhost', 'sslmode=require'), (sql) => sql`select 1`)).toHaveLength(1);
      }
      await until(async () => (await left()).length === 0, { timeoutMs: 2000 });
      expect(await left()).toEqual([]);
    } finally {
      await other.end({ timeout: 1 });
    }
  });

  test('large queries and large answers arrive whole', async () => {
    const sql = openDatabase(urlOf('localhost', `sslmode=verify-full&${authority}`), { max: 1, oneAtATime: true });
    const text = 'ä€😀'.repeat(500_000);
    try {
      const [row] = await sql<{ text: string }[]>`select ${text}::text as text`;
      expect(row?.text === text).toBe(true);
      expect((await sql`select repeat('x', 1000) as x from generate_series(1, 5000)`).length).toBe(5000);
    } finally {
      await sql.end({ timeout: 1 });
    }
  });
});

describe('DATA-18: a certificate for an address', () => {
  beforeAll(() => postgres.set(byAddress));
  afterAll(() => postgres.set(byName));

  test.each([
    ['127.0.0.1', /^tls$/],
    ['localhost', /is not valid for localhost.*sslmode=verify-full/],
  ])('%s', async (host, wanted) => {
    expect(await reach(host, `sslmode=verify-full&${authority}`)).toMatch(wanted);
  });
});

describe('DATA-18: a server that has no TLS', () => {
  beforeAll(() => postgres.set({ ssl: 'off' }));
  afterAll(() => postgres.set({ ssl: 'on' }));

  test.each([
    ['localhost', '', /^plain$/],
    ['localhost', 'sslmode=allow', /^plain$/],
    ['localhost', 'sslmode=prefer', /^plain$/],
    ['localhost', 'sslmode=require', /has no TLS, but sslmode=require requires it/],
    ['localhost', `sslmode=require&${authority}`, /has no TLS, but sslmode=require requires it/],
    ['localhost', `sslmode=verify-full&${authority}`, /has no TLS, but sslmode=verify-full requires it/],
    ['localhost', 'sslmode=require&sslnegotiation=direct', /TLS negotiation.*failed.*sslnegotiation/],
    [
      'localhost:PORT,localhost:1',
      'sslmode=require',
      /None of the database's hosts.*has no TLS.*localhost:1 .*ECONNREFUSED/,
    ],
  ])('%s %s', async (place, parameters, wanted) => {
    expect(await reach(place, parameters)).toMatch(wanted);
  });
});

test('DATA-19: a host that accepts connections but says nothing gets its own timeout, and the next host is used', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as { port: number };
  try {
    expect(await reach(`127.0.0.1:${port},localhost:PORT`, 'connect_timeout=1&sslmode=disable')).toBe('plain');
    expect(await reach(`127.0.0.1:${port},localhost:PORT`, 'connect_timeout=1&sslmode=require')).toBe('tls');
    await expect(
      readDatabaseFacts(`postgres://u@127.0.0.1:${port},localhost:${port}/x?connect_timeout=1`),
    ).rejects.toThrow(/None of the database's hosts.*127\.0\.0\.1.*CONNECT_TIMEOUT.*localhost.*CONNECT_TIMEOUT/);
  } finally {
    silent.close();
  }
});

test('DATA-18: data sent together with the server’s yes to TLS is refused, because TLS does not protect it', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end('S and more'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  try {
    await expect(readDatabaseFacts(`postgres://u@127.0.0.1:${port}/x?sslmode=require`)).rejects.toThrow(
      /TLS negotiation.*failed.*\(EPROTO\): check sslmode=require/,
    );
  } finally {
    server.close();
  }
});

test('DATA-15: skips those of several hosts that accept no writes, even when that changes', async () => {
  const other = await startOwnPostgres({
    settings: { ssl: 'on', ssl_ca_file: 'ca.crt', ...byName, default_transaction_read_only: 'on' },
  });
  const url = urlOf(`localhost:${other.port},localhost:PORT`, `sslmode=verify-full&${authority}&connect_timeout=2`);
  const sql = openDatabase(url, { max: 3, oneAtATime: true });
  const ports = async (): Promise<Set<number>> => {
    const question = (): PromiseLike<{ port: number }[]> => sql`select inet_server_port() as port, pg_sleep(0.05)`;
    const rows = await Promise.all(Array.from({ length: 3 }, question));
    return new Set(rows.flatMap(([row]) => row?.port ?? []));
  };
  try {
    expect(await ports()).toEqual(new Set([postgres.port]));
    await other.set({ default_transaction_read_only: 'off' });
    await postgres.set({ default_transaction_read_only: 'on' });
    await postgres.sql`select pg_terminate_backend(pid) from pg_stat_activity
      where pid <> pg_backend_pid() and backend_type = 'client backend'`;
    await until(async () => (await ports().catch(() => new Set())).has(other.port), { timeoutMs: 5000 });
    expect(await ports()).toEqual(new Set([other.port]));
    await expect(firstAnswer(sql, Promise.reject(answerLost()))).rejects.toThrow(
      /^None of the hosts of postgres:\/\/boocode@localhost:\d+,localhost:\d+\/postgres answers and accepts writes/,
    );
  } finally {
    await sql.end({ timeout: 1 });
    await postgres.set({ default_transaction_read_only: 'off' });
    await other.close();
  }
});

test('DATA-18: the session store’s entry point opens a database by the same URLs as the server', async () => {
  const sql = openFromDoor(urlOf('localhost', `sslmode=verify-full&${authority}&channel_binding=prefer`), { max: 1 });
  try {
    expect((await migrateFromDoor(sql, { schema: 'agents' })).applied.length).toBeGreaterThan(0);
    const store = new PostgresSessionStore({ sql, schema: 'agents' });
    await store.append({ projectKey: 'p', sessionId: 's' }, [{ type: 'user', uuid: 'u' }]);
    expect(await store.load({ projectKey: 'p', sessionId: 's' })).toHaveLength(1);
  } finally {
    await sql.end({ timeout: 1 });
  }
});
