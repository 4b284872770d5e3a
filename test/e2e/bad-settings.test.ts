import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome } from '../support/program.ts';

let home: ProgramHome;
let database: TestDatabase;
let taken: Server;

beforeAll(async () => {
  home = await openProgramHome();
  database = await createTestDatabase();
  await writeFile(join(home.workDir, 'file'), 'no directory');
  taken = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await home.remove();
  await database.drop();
  await new Promise((resolve) => taken.close(resolve));
});

/** The program's refusal: one line on standard error, no stack, nothing on standard output, a non-zero exit code. */
async function refusalOf(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { code, signal, stdout, stderr } = await home.run(args, { env });
  expect({ failed: code !== 0, signal, stdout }).toEqual({ failed: true, signal: null, stdout: '' });
  expect(stderr).toMatch(/^error: [^\n]+\n$/);
  expect(stderr).not.toMatch(/\bat .*\.js:|Error:|\[object/);
  return stderr;
}

describe('CLI-1: a wrong setting is refused in one sentence', () => {
  test.each<[string, string[], Record<string, string>, RegExp]>([
    ['an unknown variable', ['serve'], { BOOCODE_PROT: '1' }, /BOOCODE_PROT/],
    ['a port that is no number', ['serve'], { BOOCODE_PORT: 'http' }, /BOOCODE_PORT: .*"http"/],
    ['a port out of range', ['serve', '--port', '65536'], {}, /--port: .*65535/],
    ['an unknown log level', ['serve', '--log-level', 'loud'], {}, /--log-level/],
    [
      'a gate that is neither on nor off',
      ['serve'],
      { CLAUDE_SDK_BACKEND: 'perhaps' },
      /CLAUDE_SDK_BACKEND: must be 1 or 0/,
    ],
    [
      'everybody let in without a token',
      ['serve', '--host', '0.0.0.0'],
      {},
      /0\.0\.0\.0 lets others in: set your own token with BOOCODE_TOKEN/,
    ],
    ['everybody let in to the demo', ['demo', '--host', '::'], {}, /lets others in/],
    ['a token that is too short', ['serve'], { BOOCODE_TOKEN: 'secret' }, /BOOCODE_TOKEN: must be/],
    [
      'ACCESS-12: everybody let in with a token that can be guessed',
      ['serve', '--host', '0.0.0.0'],
      { BOOCODE_TOKEN: 'abcdefghabcdefghabcdefghabcdefgh' },
      /BOOCODE_TOKEN: the token can be guessed.*openssl rand -base64 32/,
    ],
    ['a token file that is missing', ['serve', '--token-file', '/nowhere'], {}, /\/nowhere/],
    ['an origin that is none', ['serve', '--public-origin', 'boo'], {}, /--public-origin/],
    [
      'a database of another kind',
      ['serve'],
      { DATABASE_URL: 'mysql://root:pa55word@db/x' },
      /DATABASE_URL: is not of the form postgres:/,
    ],
    [
      'DATA-10: a parameter of the database that is not understood',
      ['serve'],
      { DATABASE_URL: 'postgres://me:pa55word@127.0.0.1:1/x?schema=public' },
      /DATABASE_URL: schema: /,
    ],
    [
      'a database that does not exist',
      ['serve', '--database-url', 'URL/nowhere'],
      {},
      /There is no database “nowhere” at postgres:\/\/.*: create it/,
    ],
    [
      'a thing that agents can never do to terminals',
      ['serve'],
      { BOOCODE_TERMINAL_PASSTHROUGH: 'titles, printer' },
      /BOOCODE_TERMINAL_PASSTHROUGH: must be names of clipboard, notifications, titles/,
    ],
    ['an idle limit below zero', ['serve', '--idle-seconds', '-1'], {}, /--idle-seconds/],
    ['a command that is none', ['sevre'], {}, /sevre/],
  ])('%s', async (_what, args, env, sentence) => {
    const url = new URL(database.url);
    const given = args.map((arg) =>
      arg.replace('URL/nowhere', () => Object.assign(url, { pathname: '/nowhere' }).href),
    );
    const stderr = await refusalOf(given, env);
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toContain('pa55word');
  });

  test('ACCESS-12: a token that can be guessed is reported with a warning on loopback', async () => {
    const weak = 'abcdefghabcdefghabcdefghabcdefgh';
    const { program } = await home.serve('serve', [], { BOOCODE_TOKEN: weak, DATABASE_URL: database.url });
    program.kill('SIGTERM');
    await program.ended();
    expect(program.stderr).toMatch(/"level":40.*The token can be guessed.*openssl rand -base64 32/);
    expect(program.stderr).not.toContain(weak);
  });

  test('an unknown flag', async () => {
    const { code, stdout, stderr } = await home.run(['serve', '--prot', '1']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^error: unknown option '--prot'\n(\(Did you mean --port\?\)\n)?$/);
  });

  test('CLI-7: a port in use: nothing is created, started or claimed', async () => {
    const { port } = taken.address() as AddressInfo;
    const args = ['serve', '--port', String(port)];
    const hosts = () => database.sql`select id from boocode.hosts order by id`;
    const before = await hosts();
    for (const env of [{ DATABASE_URL: database.url }, {}]) {
      expect(await refusalOf(args, env)).toContain(`Port ${port} on 127.0.0.1 is in use`);
      expect(existsSync(home.dataDir)).toBe(false);
    }
    expect(await hosts()).toEqual(before);
  });

  test.each([
    [
      'does not answer',
      '127.0.0.1:1',
      /database at postgres:\/\/me@127\.0\.0\.1:1\/x cannot be reached \(ECONNREFUSED\): check/,
    ],
    ['has no such name', 'no-such-host.invalid:5432', /no-such-host\.invalid:5432\/x cannot be reached: its host name/],
  ])(
    'CLI-7 DATA-7: a database that %s is reported with its address, and nothing is left behind',
    async (_what, at, sentence) => {
      const stderr = await refusalOf(['serve'], { DATABASE_URL: `postgres://me:pa55word@${at}/x` });
      expect(stderr).toMatch(sentence);
      expect(stderr).not.toMatch(/pa55word|migrat/);
      expect(existsSync(home.dataDir)).toBe(false);
    },
  );

  test('CLI-7: a damaged token is reported before the database starts', async () => {
    const dataDir = join(home.workDir, 'damaged');
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'token'), 'short');
    expect(await refusalOf(['serve', '--data-dir', dataDir])).toContain('damaged');
    expect(await readdir(dataDir)).toEqual(['token']);
  });

  test('a data directory that cannot be written', async () => {
    const dataDir = join(home.workDir, 'file', 'data');
    expect(await refusalOf(['serve', '--data-dir', dataDir])).toContain(dataDir);
    expect(await refusalOf(['demo', '--data-dir', '/sys/boocode'])).toContain('/sys/boocode');
    // Node's recursive mkdir never returns there.
    expect(await refusalOf(['serve', '--data-dir', '/proc/boocode'])).toContain('/proc/boocode is not writable');
  });

  test('a client command without a server says how to start one', async () => {
    expect(await refusalOf(['ls'])).toContain('start one with');
    expect(await refusalOf(['ls', '--url', 'http://127.0.0.1:1'], { BOOCODE_TOKEN: 'x'.repeat(32) })).toContain(
      'cannot be reached',
    );
  });
});

test('DATA-3: a database that a newer BooCode has changed is refused and left unchanged', async () => {
  const { sql } = database;
  await sql`insert into boocode.migrations (version, name) values (888888, '888888.sql')`;
  const before = await sql`select * from boocode.migrations order by version`;
  const stderr = await refusalOf(['serve'], { DATABASE_URL: database.url });
  expect(stderr).toMatch(/schema version 888888, but this BooCode knows only \d+: start a newer BooCode/);
  expect(await sql`select * from boocode.migrations order by version`).toEqual(before);
  expect(await sql`select * from boocode.hosts where stopped_at is null`).toEqual([]);
});
