import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { identifyProcess } from '../lib/process-identity.ts';
import { type Log, silentLog } from '../lib/log.ts';
import { insertHost, stopHost } from '../store/hosts.ts';
import { registerHost } from './register-host.ts';

const description = { name: null, version: '1.2.3', address: null, offers: { backends: ['claude_sdk'] } };

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

test('FENCE-4: a host that starts frees what dead hosts of this machine hold, and nothing of living or other hosts', async () => {
  const { sql } = database;
  const first = await registerHost(sql, description, silentLog);
  const [own] = await sql`select machine, pid, pid_started, version, stopped_at from boocode.hosts where id = ${first}`;
  const { startedAt } = identifyProcess(process.pid)!;
  const machine = process.platform === 'linux' ? `${hostname()}/${readlinkSync('/proc/self/ns/pid')}` : hostname();
  expect(own).toEqual({ machine, pid: process.pid, pid_started: startedAt, version: '1.2.3', stopped_at: null });

  const alive = { machine, pid: process.pid, pidStarted: startedAt, version: '1' };
  const hosts = {
    living: { ...alive, id: randomUUID() },
    // Its process id belongs to another process now.
    dead: { ...alive, id: randomUUID(), pidStarted: 'long ago' },
    elsewhere: { ...alive, id: randomUUID(), pidStarted: 'long ago', machine: 'another' },
  };
  for (const host of Object.values(hosts)) await insertHost(sql, host);
  const second = await registerHost(sql, description, silentLog);
  const stopped = await sql<{ id: string }[]>`select id from boocode.hosts where stopped_at is not null`;
  expect(stopped.map(({ id }) => id)).toEqual([hosts.dead.id]);
  expect(second).not.toBe(first);
});

test('HOST-12: a host that starts beside a living one of its name says so', async () => {
  const { sql } = database;
  const warnings: object[] = [];
  const logger: Log = { ...silentLog, warn: (facts, message) => void warnings.push({ ...facts, message }) };
  const register = (name: string) => registerHost(sql, { ...description, name }, logger);
  const first = await register('attic');
  await register('cellar');
  expect(warnings).toEqual([]);
  await register('attic');
  expect(warnings).toEqual([
    { name: 'attic', hostIds: [first], message: expect.stringContaining('Set --host-name') as string },
  ]);
  const third = await register('shed');
  await stopHost(sql, third);
  await sql`update boocode.hosts set seen_at = clock_timestamp() - interval '21 seconds' where id = ${first}`;
  await register('shed');
  expect(warnings).toHaveLength(1);
});
