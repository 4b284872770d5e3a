// Two servers on one Postgres that accepts ten connections, and theirs only with TLS.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BooClient } from '../../src/client/client.ts';
import { type OwnPostgres, startOwnPostgres, tlsFixtures } from '../support/own-postgres.ts';
import { openProgramHome, type ProgramHome } from '../support/program.ts';
import { runTurn } from '../support/turns.ts';

let postgres: OwnPostgres;
const homes: ProgramHome[] = [];
let url: string;
beforeAll(async () => {
  postgres = await startOwnPostgres({
    settings: {
      max_connections: '10',
      ssl: 'on',
      ssl_cert_file: 'server-name.crt',
      ssl_key_file: 'test-only-server-name.key',
    },
    hba: 'host all boocode all scram-sha-256\nhostssl all all all scram-sha-256',
  });
  await postgres.sql.unsafe(`create role app login password 'own'`);
  await postgres.sql.unsafe('create database app owner app');
  for (let count = 0; count < 3; count += 1) homes.push(await openProgramHome());
  const authority = join(tlsFixtures, 'ca.crt');
  url = `postgres://app:own@localhost:${postgres.port}/app?sslmode=verify-full&sslrootcert=${authority}`;
});
afterAll(async () => {
  await Promise.all(homes.map((home) => home.remove()));
  await postgres?.close();
});

/** Runs turns in two chats at once while listing and searching; resolves with their outcomes. */
async function beBusy(client: BooClient, home: ProgramHome): Promise<string[]> {
  const chats = await Promise.all(Array.from({ length: 2 }, () => client.createChat({ cwd: home.workDir })));
  const turns = Promise.all(chats.map((chat) => runTurn(client, chat.id, 'stream 40 tokens')));
  let isOver = false;
  const looks = async (): Promise<void> => {
    while (!isOver)
      await Promise.all([client.listChats({ q: 'tokens' }), client.listChats(), client.getChat(chats[0]!.id)]);
  };
  const looking = Promise.all([looks(), looks()]);
  const outcomes = (await turns.finally(() => (isOver = true))).map(({ finished }) => finished.outcome);
  await looking;
  return outcomes;
}

test('DATA-20 DATA-18 DATA-24: two busy hosts fit into max_connections=10, all with TLS; a third is refused in one sentence', async () => {
  const [first, second, third] = homes as [ProgramHome, ProgramHome, ProgramHome];
  const env = { DATABASE_URL: url };
  const one = await first.serve('demo', [], env);
  const busy = beBusy(one.client, first);
  const two = await second.serve('demo', [], env);
  const outcomes = await Promise.all([busy, beBusy(two.client, second), beBusy(one.client, first)]);
  expect(outcomes.flat()).toEqual(Array.from({ length: 6 }, () => 'completed'));
  // Each host shows what the other stores.
  expect((await two.client.listChats()).items).toHaveLength(6);

  const [connections] = await postgres.sql`
    select count(*) as count, bool_and(ssl) as secure, bool_and(usename = 'app') as own
    from pg_stat_ssl join pg_stat_activity using (pid) where datname = 'app'`;
  expect(connections).toEqual({ count: 6, secure: true, own: true });

  const refused = await third.run(['demo'], { env });
  expect(refused.code).not.toBe(0);
  expect(refused.stderr.trim()).toMatch(/^[^\n]*has no connections left \(max_connections\): [^\n]*$/);
  for (const { program } of [one, two]) {
    expect(program.stderr).not.toMatch(/"level":(50|60)/);
    expect(program.stderr).toMatch(/about 10 chats can run a turn at once .*raise max_connections/);
    // That of the tests does not wait for its disk.
    expect(program.stderr).toMatch(/\(fsync = off\): if it crashes, .*Set fsync to on/);
  }

  // Without this test's own connection, one is free.
  await postgres.sql.end();
  const doctor = await third.run(['doctor'], { env });
  expect(doctor.stdout).toMatch(/The database accepts only one more connection, but BooCode needs three/);
});

test('DATA-18: doctor and serve name the parameter that prevents TLS', async () => {
  const [, , third] = homes as [ProgramHome, ProgramHome, ProgramHome];
  const wrong = { DATABASE_URL: url.replace('ca.crt', 'other-ca.crt') };
  const [doctor, start] = await Promise.all([
    third.run(['doctor'], { env: wrong }),
    third.run(['serve'], { env: wrong }),
  ]);
  const sentence = /not signed by an authority in sslrootcert/;
  expect(doctor.stdout).toMatch(sentence);
  expect(start.code).not.toBe(0);
  expect(start.stderr.trim()).toMatch(/^[^\n]*not signed by an authority in sslrootcert[^\n]*$/);
});
