// The program with a certificate of its own, and commands that reach it.
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tlsFixtures } from '../support/own-postgres.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../support/program.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

const trusting = { NODE_EXTRA_CA_CERTS: join(tlsFixtures, 'ca.crt') };
let database: TestDatabase;
let home: ProgramHome;
let server: ServerProgram;

beforeAll(async () => {
  database = await createTestDatabase();
  home = await openProgramHome({ env: warmEnv({ url: 'http://127.0.0.1:9' }, database) });
  const [cert, key] = [join(home.workDir, 'cert.pem'), join(home.workDir, 'key.pem')];
  await copyFile(join(tlsFixtures, 'server-name.crt'), cert);
  await copyFile(join(tlsFixtures, 'test-only-server-name.key'), key);
  const flags = ['--tls-cert', cert, '--tls-key', key, '--base-path', '/boo', '--advertise-url', 'https://localhost:0'];
  server = await home.serve('serve', flags, { ...trusting, BOOCODE_LOG_LEVEL: 'info' });
});
afterAll(async () => {
  await home?.remove();
  await database?.drop();
});

describe('NET-1: a server with a certificate', () => {
  test('is found by commands on this machine, and reached by its address', async () => {
    expect(server.url).toMatch(/^https:\/\/localhost:\d+\/boo$/);
    expect(server.signInLink).toMatch(/^https:\/\/localhost:\d+\/boo\/#code=/);
    const found = await home.run(['ls', '--json'], { env: trusting });
    expect([found.code, found.stderr]).toEqual([0, '']);
    const named = await home.run(['ls', '--json'], { env: { ...trusting, BOOCODE_URL: server.url } });
    expect([named.code, named.stderr]).toEqual([0, '']);
  });

  test('says what to set where its authority is not known', async () => {
    const { code, stderr } = await home.run(['ls']);
    expect(code).not.toBe(0);
    expect(stderr).toContain('set NODE_EXTRA_CA_CERTS to the file of that authority’s certificate');
  });

  test('is reached by hosts at its address, which it checks itself after the start', () => {
    expect(server.program.stderr).not.toContain('advertise URL');
  });
});
