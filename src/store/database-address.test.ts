import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import os, { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { tlsFixtures } from '../../test/support/own-postgres.ts';
import { databasePlace, readDatabaseUrl } from './database-address.ts';

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'boocode-address-'));
  file = join(folder, 'no-pem');
  writeFileSync(file, 'nothing');
});
afterAll(() => rmSync(folder, { recursive: true }));

const local = {
  hosts: [{ host: 'localhost', port: 5432 }],
  tls: { mode: 'prefer' },
  targetSessionAttrs: null,
  isPooled: false,
};

describe('DATA-10: a database’s URL is parsed', () => {
  test.each([
    ['postgres://', { ...local, user: userInfo().username, database: userInfo().username, password: '' }],
    [
      'postgres://a@db.example/x',
      {
        hosts: [{ host: 'db.example', port: 5432 }],
        user: 'a',
        database: 'x',
        password: '',
        applicationName: 'boocode',
      },
    ],
    ['postgres://:p@db/x', { user: userInfo().username, password: 'p' }],
    ['postgres://a@db/x?dbname=y', { database: 'y' }],
    ['postgres://a@x[::1],[::1]x/', { hosts: [{ host: 'x[::1]' }, { host: '[::1]x' }] }],
    ['postgres://one:65535,two:1/', { hosts: [{ port: 65_535 }, { port: 1 }] }],
    ['postgresql://a:p%40:w%2F@[::1]:6000', { hosts: [{ host: '::1', port: 6000 }], password: 'p@:w/', database: 'a' }],
    ['postgres://a:p@ss#w@db/x', { hosts: [{ host: 'db', port: 5432 }], password: 'p@ss#w' }],
    ['postgres:///x?host=/run/pg&port=5433&user=u', { hosts: [{ host: '/run/pg', port: 5433 }], user: 'u', tls: null }],
    ['postgres://u:p@%2Frun%2Fpg%2F%2C/x', { hosts: [{ host: '/run/pg/,', port: 5432 }], database: 'x', tls: null }],
    [
      'postgres://u@one,two:6543,[::2]:7/x',
      {
        hosts: [
          { host: 'one', port: 5432 },
          { host: 'two', port: 6543 },
          { host: '::2', port: 7 },
        ],
        targetSessionAttrs: 'read-write',
      },
    ],
    ['postgres://u@one,two/x?target_session_attrs=any', { targetSessionAttrs: null }],
    ['postgres://u@one/x?target_session_attrs=read-write', { targetSessionAttrs: null }],
    [
      'postgres:///x?host=one,two&port=1,2&password=p',
      {
        hosts: [
          { host: 'one', port: 1 },
          { host: 'two', port: 2 },
        ],
        password: 'p',
      },
    ],
    [
      'postgres://one,two/?port=9',
      {
        hosts: [
          { host: 'one', port: 9 },
          { host: 'two', port: 9 },
        ],
      },
    ],
    ['postgres://db/?sslmode=disable', { tls: null }],
    ['postgres://db/?sslmode=prefer&channel_binding=prefer&gssencmode=disable', { tls: { mode: 'prefer' } }],
    ['postgres://db/?sslmode=require', { tls: { mode: 'require', hasRootCert: false } }],
    ['postgres://db/?sslmode=verify-full&sslrootcert=system', { tls: { mode: 'verify-full', hasRootCert: true } }],
    ['postgres://db/?sslrootcert=system', { tls: { mode: 'verify-full', hasRootCert: true } }],
    ['postgres://db/?application_name=me&connect_timeout=9', { applicationName: 'me', connectTimeoutS: 9 }],
    ['postgres://db/?application_name&connect_timeout=1', { applicationName: 'boocode', connectTimeoutS: 1 }],
    ['postgres://db/?connect_timeout=10', { connectTimeoutS: 10 }],
    ['postgres://db/?pgbouncer=true', { isPooled: true, tls: { isDirect: false } }],
    ['postgres://db/?sslmode=require&sslnegotiation=direct', { tls: { mode: 'require', isDirect: true } }],
  ])('%s', (url, wanted) => {
    expect(readDatabaseUrl(url)).toMatchObject(wanted);
  });

  test('with its certificates', () => {
    const tls = (search: string): unknown => readDatabaseUrl(`postgres://db/?${search}`).tls;
    const ca = join(tlsFixtures, 'ca.crt');
    const own = `sslcert=${join(tlsFixtures, 'client.crt')}&sslkey=${join(tlsFixtures, 'test-only-client.key')}`;
    expect(tls(`sslmode=verify-full&sslrootcert=${ca}`)).toMatchObject({ mode: 'verify-full', hasCert: false });
    expect(tls(`sslmode=require&sslrootcert=${ca}`)).toMatchObject({ mode: 'verify-ca', asked: 'require' });
    expect(tls(`sslmode=require&${own}`)).toMatchObject({ mode: 'require', hasRootCert: false, hasCert: true });
  });
});

describe('DATA-10: an unsupported URL is refused with the name of what is wrong, without the password', () => {
  test.each<[string, string]>([
    ['postgres://u:secret@db/?schema=public', 'schema of its tables itself: leave it out'],
    ['postgres://u:secret@db/?search_path=x', 'schema of its tables itself: leave it out'],
    ['postgres://u:secret@db/?options=-c%20search_path%3Dx', 'ALTER ROLE'],
    ['postgres://u:secret@db/?channel_binding=require', 'channel_binding'],
    ['postgres://u:secret@db/?gssencmode=require', 'gssencmode'],
    ['postgres://u:secret@db/?sslmode=no-verify', 'one of disable, allow, prefer, require, verify-ca, verify-full'],
    ['postgres://u:secret@db/?sslrootcert=/nonexistent&sslmode=verify-full', 'sslrootcert'],
    ['postgres://u:secret@db/?sslrootcert=/nonexistent', 'sslrootcert requires sslmode=require'],
    ['postgres://u:secret@db/?sslmode=allow&sslcert=FILE&sslkey=FILE', 'sslcert requires sslmode=require'],
    ['postgres://u:secret@db/?sslmode=require&sslcert=/nonexistent', 'sslkey'],
    ['postgres://u:secret@db/?sslmode=require&sslcert=FILE&sslkey=FILE', 'sslcert'],
    ['postgres://u:secret@db/?sslmode=require&sslcert=TLS/client.crt&sslkey=FILE', 'sslkey'],
    ['postgres://u:secret@db/?sslmode=require&sslcert=TLS/client.crt&sslkey=TLS/test-only-server-name.key', 'sslkey'],
    ['postgres://u:secret@db/?sslmode=verify-ca&sslrootcert=FILE', 'sslrootcert'],
    ['postgres://u:secret@db/?sslrootcert=FILE', 'sslrootcert'],
    ['postgres://u:secret@db/?sslmode=require&sslrootcert=system', 'sslrootcert'],
    ['postgres://u:secret@db/?sslnegotiation=direct', 'sslnegotiation'],
    ['postgres://u:secret@db/?sslmode=allow&sslnegotiation=direct', 'sslnegotiation'],
    ['postgres://u:secret@db/?target_session_attrs=standby', 'target_session_attrs'],
    ['postgres://u:secret@db/?statement_timeout=1', 'statement_timeout'],
    ['postgres://u:secret@db/?__proto__=1', '__proto__'],
    ['postgres://u:secret@db/?host=a&host=b', 'host'],
    ['postgres://u:secret@db/?=1', 'the parameter "" is not known'],
    ['postgres://u:secret@db/?pgbouncer', 'pgbouncer must be'],
    [`postgres://u:secret@db/?${'x'.repeat(70)}`, `"${'x'.repeat(60)}" is not known`],
    ...['0', '1s', 's1', '1000'].map((time): [string, string] => [
      `postgres://u:secret@db/?connect_timeout=${time}`,
      'connect_timeout',
    ]),
    ...['70000', '65536', '0', '1x', 'x1'].map((port): [string, string] => [
      `postgres://u:secret@db:${port}/`,
      'a port must be',
    ]),
    ['postgres://u:secret@a,b,c/?port=1,2', 'ports'],
    ['postgres://u:secret@/?host=/run,db', 'directory'],
    ['postgres://u:secret%@db/', '%25'],
    ['mysql://u:secret@db/', 'postgres://'],
    ['DATABASE_URL=postgres://u:secret@db/', 'postgres://'],
  ])('%s', (url, name) => {
    const refused = (): unknown => readDatabaseUrl(url.replaceAll('FILE', file).replaceAll('TLS', tlsFixtures));
    expect(refused).toThrow(expect.objectContaining({ code: 'config_invalid' }) as Error);
    expect(refused).toThrow(name);
    expect(refused).not.toThrow('secret');
  });
});

test('DATA-10: a URL without a user is refused if the system has no name for the one it runs as', () => {
  const unnamed = vi.spyOn(os, 'userInfo').mockImplementation(() => {
    throw new Error('ENOENT');
  });
  syncBuiltinESMExports();
  try {
    expect(() => readDatabaseUrl('postgres://db/x')).toThrow('names no user');
    expect(readDatabaseUrl('postgres://u@db/x')).toMatchObject({ user: 'u' });
  } finally {
    unnamed.mockRestore();
    syncBuiltinESMExports();
  }
});

test('a database’s address is shown without its user, password and parameters', () => {
  expect(databasePlace('postgres://me:pa@55:w@one,[::2]:7/x?password=other')).toBe('one:5432,::2:7/x');
  expect(databasePlace('postgres://me:pa55@/x?host=/run/pg')).toBe('/run/pg:5432/x');
});
