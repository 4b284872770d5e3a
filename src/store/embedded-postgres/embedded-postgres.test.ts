import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { compileModule } from '../../../test/support/compile.ts';
import {
  hostAnswer,
  hostServer,
  type PostgresHostChild,
  spawnPostgresHost,
} from '../../../test/support/postgres-host.ts';
import { until } from '../../../test/support/until.ts';
import { commandLine, endProcess, findProgram, identifyProcess, isAlive } from '../../lib/process-identity.ts';
import type { BooError } from '../../protocol/error.ts';
import { openDatabase, type Sql } from '../database.ts';
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, openEmbeddedPostgres } from './embedded-postgres.ts';
import { reachEmbeddedPostgres } from './reach.ts';

let compiled: Awaited<ReturnType<typeof compileModule>>;
beforeAll(async () => {
  compiled = await compileModule('store/embedded-postgres/embedded-postgres.ts');
});
afterAll(() => compiled.remove());

let dataDir: string;
const servers: EmbeddedPostgres[] = [];
const hosts: PostgresHostChild[] = [];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'boocode-pg-'));
});
afterEach(async () => {
  for (const host of hosts.splice(0)) await endProcess(host, { graceMs: 0 });
  for (const server of servers.splice(0)) await server.close();
  // The server of a killed host notices and ends in its own time; until then it may still write.
  await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 20 });
});

async function open(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const server = await openEmbeddedPostgres({ dataDir, ...options });
  servers.push(server);
  return server;
}

function openHost(directory = dataDir, options: { uid?: number; path?: string } = {}): PostgresHostChild {
  const host = spawnPostgresHost(compiled.module, directory, options);
  hosts.push(host);
  return host;
}

/** A PATH with only these programs. */
async function pathOf(...names: string[]): Promise<string> {
  const path = join(dataDir, 'bin');
  await mkdir(path);
  for (const name of names) await symlink(findProgram(name) ?? `/missing/${name}`, join(path, name));
  return path;
}

async function using<T>(url: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = openDatabase(url, { max: 1 });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

const write = (url: string, note: string) =>
  using(url, async (sql) => {
    await sql`create table if not exists notes (note text)`;
    await sql`insert into notes values (${note})`;
  });
const read = (url: string) =>
  using(url, async (sql) => (await sql<{ note: string }[]>`select note from notes`).map((row) => row.note));

test('what was written is still there after closing and reopening', async () => {
  const first = await open();
  await write(first.url, 'kept');
  const process = identifyProcess(first.pid);
  await Promise.all([first.close(), first.close()]);
  expect(process && isAlive(process)).toBe(false);
  const second = await open();
  expect(await read(second.url)).toEqual(['kept']);
});

test('only its owner has access (no port, a password, private directories), and a power failure loses nothing', async () => {
  const lines: string[] = [];
  const server = await open({ onLog: (line) => lines.push(line) });
  const home = join(dataDir, 'postgres');
  const mode = async (path: string): Promise<string> => ((await stat(join(home, path))).mode & 0o777).toString(8);
  for (const directory of ['.', 'cluster', 'socket']) expect(await mode(directory)).toBe('700');
  expect(await mode('password')).toBe('600');
  await using(server.url, async (sql) => {
    const rows = await sql`select name, setting from pg_settings
      where name in ('listen_addresses', 'fsync', 'data_checksums', 'server_encoding', 'full_page_writes')`;
    expect(Object.fromEntries(rows.map((row) => [row['name'], row['setting']]))).toEqual({
      listen_addresses: '',
      fsync: 'on',
      data_checksums: 'on',
      server_encoding: 'UTF8',
      full_page_writes: 'on',
    });
  });
  const wrong = server.url.replace(/:[0-9a-f]{64}@/, ':wrong@');
  expect(wrong).not.toBe(server.url);
  await expect(using(wrong, (sql) => sql`select 1`)).rejects.toMatchObject({ code: '28P01' });
  expect(lines.some((line) => line.includes('ready to accept connections'))).toBe(true);
  await server.close();
  expect(await readdir(home)).toEqual(['cluster', 'lock.1', 'password']);
});

test('a data directory with a long and odd name works', async () => {
  const odd = join(dataDir, 'with space, comma "quotes" and \'these\' %2F:é', 'x'.repeat(100));
  const server = await open({ dataDir: odd });
  await write(server.url, 'kept');
  const socket = join(odd, 'postgres', 'socket');
  const host = await stat(socket);
  expect(host.isDirectory()).toBe(true);
  await server.close();
  expect(existsSync(socket)).toBe(false);
});

test('DATA-2: a second host on the directory is refused in one sentence that names the first', async () => {
  await open();
  await symlink(dataDir, `${dataDir}.link`);
  try {
    const message = (directory: string): string =>
      `The data directory ${directory} is in use by another BooCode (process ${process.pid}): ` +
      'stop it, or choose another directory.';
    for (const directory of [dataDir, `${dataDir}.link`]) {
      expect(await hostAnswer(openHost(directory))).toEqual({ code: 'config_invalid', message: message(directory) });
    }
    await expect(openEmbeddedPostgres({ dataDir })).rejects.toMatchObject({ code: 'config_invalid' });
  } finally {
    await rm(`${dataDir}.link`);
  }
});

test('of several hosts that start at the same time on a new directory, one succeeds', async () => {
  const answers = await Promise.all([1, 2, 3, 4].map(() => hostAnswer(openHost())));
  expect(answers.filter((answer) => answer['url'] !== undefined)).toHaveLength(1);
  expect(answers.filter((answer) => answer['code'] === 'config_invalid')).toHaveLength(3);
});

test('DATA-1: a killed host leaves no server running, and what it committed is still there', async () => {
  const host = openHost();
  const { url, server } = await hostServer(host);
  await write(url, 'committed');
  host.kill('SIGKILL');
  if (process.platform === 'linux') await until(() => !isAlive(server), { what: 'the server to end with its host' });
  const next = await open();
  expect(isAlive(server)).toBe(false);
  expect(await read(next.url)).toEqual(['committed']);
});

test('a server that outlived its host is shut down in order by the next host', async () => {
  // Without setpriv there is no death signal, as on macOS.
  const host = openHost(dataDir, { path: await pathOf('unshare', 'mkdir') });
  const { url, server } = await hostServer(host);
  await write(url, 'committed');
  host.kill('SIGKILL');
  await once(host, 'exit');
  expect(isAlive(server)).toBe(true);
  const lines: string[] = [];
  const next = await open({ onLog: (line) => lines.push(line) });
  expect(isAlive(server)).toBe(false);
  expect(await read(next.url)).toEqual(['committed']);
  // It shut down in order: there was nothing to recover.
  expect(lines.filter((line) => line.includes('recovery'))).toEqual([]);
});

test('a server that was killed is reported, and recovers at the next start', async () => {
  const exits: BooError[] = [];
  const server = await open({ onExit: (error) => exits.push(error) });
  await write(server.url, 'committed');
  process.kill(server.pid, 'SIGKILL');
  const error = await until(() => exits[0], { what: 'the report' });
  expect(error).toMatchObject({ code: 'storage_unavailable' });
  expect(error.message).toMatch(/^The embedded Postgres exited unexpectedly \(SIGKILL\)/);
  await server.close();
  const next = await open();
  expect(await read(next.url)).toEqual(['committed']);
  await next.close();
  expect(exits).toHaveLength(1);
});

test('a first start that was killed midway is repeated', async () => {
  const home = join(dataDir, 'postgres');
  const drafts = async (): Promise<string[]> =>
    (await readdir(home).catch(() => [])).filter((name) => name.startsWith('cluster.new-'));
  const host = openHost();
  await until(async () => {
    const [draft] = await drafts();
    return draft !== undefined && existsSync(join(home, draft, 'global'));
  });
  host.kill('SIGKILL');
  await once(host, 'exit');
  // And one left by a much earlier start.
  await mkdir(join(home, 'cluster.new-old', 'base'), { recursive: true });
  const server = await open();
  await write(server.url, 'kept');
  expect(await drafts()).toEqual([]);
});

test('a pid file that names a process of another program is not trusted', async () => {
  const first = await open();
  await write(first.url, 'kept');
  await first.close();
  // As after a machine crash, when the pid is reused: here, by this process.
  await writeFile(join(dataDir, 'postgres', 'cluster', 'postmaster.pid'), `${process.pid}\n`);
  const second = await open();
  expect(await read(second.url)).toEqual(['kept']);
});

test('a data directory that is not writable is refused in one sentence', async () => {
  const file = join(dataDir, 'file');
  await writeFile(file, '');
  await expect(openEmbeddedPostgres({ dataDir: join(file, 'below') })).rejects.toMatchObject({
    code: 'config_invalid',
    message: `The data directory ${join(file, 'below')} is not writable (ENOTDIR).`,
  });
});

test('a database whose password is lost is refused in one sentence', async () => {
  const first = await open();
  await first.close();
  const file = join(dataDir, 'postgres', 'password');
  await rm(file);
  await expect(openEmbeddedPostgres({ dataDir })).rejects.toMatchObject({
    code: 'config_invalid',
    message: `The password of the embedded Postgres is missing: restore the file ${file}.`,
  });
});

test('a cluster that Postgres refuses is reported with its reason, and the directory is free again', async () => {
  const first = await open();
  await first.close();
  const control = join(dataDir, 'postgres', 'cluster', 'global', 'pg_control');
  await rename(control, `${control}.gone`);
  await expect(openEmbeddedPostgres({ dataDir })).rejects.toMatchObject({
    code: 'storage_unavailable',
    message: expect.stringMatching(/^The embedded Postgres did not start \(status 2\): .*pg_control/) as string,
  });
  await rename(`${control}.gone`, control);
  await open();
});

test('BACKUP-8: a database that another major version of Postgres made is refused with both versions and the way out', async () => {
  const first = await open();
  await write(first.url, 'kept');
  await first.close();
  const version = join(dataDir, 'postgres', 'cluster', 'PG_VERSION');
  const right = await readFile(version, 'utf8');
  for (const other of ['9.6', '17']) {
    await writeFile(version, `${other}\n`);
    await expect(openEmbeddedPostgres({ dataDir })).rejects.toMatchObject({
      code: 'config_invalid',
      message:
        `The database in ${join(dataDir, 'postgres', 'cluster')} was made by Postgres ${other}, and this BooCode has Postgres ${right.trim()}, which cannot read it: ` +
        'run `boocode backup` with the BooCode that made it, and `boocode restore` with this one into another data directory.',
    });
  }
  await writeFile(version, right);
  expect(await read((await open()).url)).toEqual(['kept']);
});

test('BACKUP-9: a copy of a data directory in use is refused, one of a stopped server is not', async () => {
  const copy = join(dataDir, 'copy');
  const home = join(dataDir, 'original');
  const first = await open({ dataDir: home });
  await write(first.url, 'kept');
  await cp(home, copy, { recursive: true, filter: (path) => !path.includes('/socket') });
  const refused = {
    code: 'config_invalid',
    message:
      `The data directory ${copy} is a copy of ${home} that was made while that was in use, and such a copy can be damaged: ` +
      `use \`boocode backup\` instead. If its server was not running any more, delete ${join(copy, 'postgres', 'lock.1')} to use the copy.`,
  };
  await expect(openEmbeddedPostgres({ dataDir: copy })).rejects.toMatchObject(refused);
  await first.close();
  await expect(openEmbeddedPostgres({ dataDir: copy })).rejects.toMatchObject(refused);
  await rm(join(copy, 'postgres', 'lock.1'));
  const accepted = await open({ dataDir: copy });
  expect(await read(accepted.url)).toEqual(['kept']);
  await accepted.close();
  await rm(copy, { recursive: true });
  await cp(home, copy, { recursive: true });
  expect(await read((await open({ dataDir: copy })).url)).toEqual(['kept']);
});

test('BACKUP-9: a data directory that was moved after its server was killed is used', async () => {
  const [home, moved] = [join(dataDir, 'original'), join(dataDir, 'moved')];
  const host = openHost(home);
  const { url, server } = await hostServer(host);
  await write(url, 'committed');
  host.kill('SIGKILL');
  await once(host, 'exit');
  await endProcess(server, { graceMs: 0 });
  await rename(home, moved);
  expect(await read((await open({ dataDir: moved })).url)).toEqual(['committed']);
});

test('BACKUP-7: the database of a data directory is reached while a server runs it, and otherwise run for that', async () => {
  await expect(reachEmbeddedPostgres(dataDir)).rejects.toMatchObject({
    code: 'not_found',
    message: `There is no embedded database in ${dataDir}: name its data directory with --data-dir, or your own database with DATABASE_URL.`,
  });
  const server = await open();
  await write(server.url, 'kept');
  const running = await reachEmbeddedPostgres(dataDir);
  expect(await read(running.url)).toEqual(['kept']);
  await running.close();
  expect(await read(server.url)).toEqual(['kept']);
  await server.close();
  const stopped = await reachEmbeddedPostgres(dataDir);
  expect(await read(stopped.url)).toEqual(['kept']);
  await stopped.close();
  await expect(read(stopped.url)).rejects.toThrowError('ENOENT');
  await open();
});

const asRoot = process.getuid?.() === 0;
const nobody = 65534;

describe.skipIf(!asRoot)('started by root for an ordinary user', () => {
  test('opens, closes and opens again as that user', async (context) => {
    const reachable = spawnSync(process.execPath, ['--version'], { uid: nobody, cwd: '/' }).status === 0;
    if (!reachable || !readableByNobody(compiled.module)) context.skip('this checkout is out of the user’s reach');
    await chown(dataDir, nobody, nobody);
    for (const round of ['one', 'two']) {
      const host = openHost(dataDir, { uid: nobody });
      const { url, server } = await hostServer(host);
      expect((await stat(`/proc/${server.pid}`)).uid).toBe(nobody);
      await write(url, round);
      host.stdin.end();
      await once(host, 'exit');
      expect(host.exitCode).toBe(0);
    }
    const again = openHost(dataDir, { uid: nobody });
    expect(await read((await hostServer(again)).url)).toEqual(['one', 'two']);
  });

  test('is refused a directory that belongs to root, in one sentence', async () => {
    await mkdir(join(dataDir, 'postgres'));
    await chmod(dataDir, 0o755);
    expect(await hostAnswer(openHost(dataDir, { uid: nobody }))).toEqual({
      code: 'config_invalid',
      message: `The data directory ${dataDir} is not writable (EACCES, it belongs to user 0).`,
    });
  });

  function readableByNobody(path: string): boolean {
    const script = `import(${JSON.stringify(path)})`;
    return spawnSync(process.execPath, ['-e', script], { uid: nobody, gid: nobody, cwd: '/' }).status === 0;
  }
});

test.runIf(asRoot)('BACKUP-7: as root, the files of another user are not taken over', async () => {
  await (await open()).close();
  await chown(join(dataDir, 'postgres'), 1234, 1234);
  await expect(reachEmbeddedPostgres(dataDir)).rejects.toMatchObject({
    code: 'config_invalid',
    message: `The data directory ${dataDir} belongs to user 1234: run this command as that user, for example with \`sudo -u '#1234'\`.`,
  });
  expect((await stat(join(dataDir, 'postgres'))).uid).toBe(1234);
});

test.runIf(asRoot)('as root the server runs as a user that is not root', async () => {
  const server = await open();
  expect(commandLine(server.pid)).toContain(join(dataDir, 'postgres', 'cluster'));
  await using(server.url, async (sql) => {
    // As the server itself sees it: inside, its files do not belong to root.
    const [row] = await sql<{ status: string }[]>`select pg_read_file('/proc/self/status') as status`;
    expect(row?.status).toMatch(/^Uid:\t65534\t65534/m);
  });
});

test.runIf(asRoot && findProgram('setpriv') !== null)(
  'as root without user namespaces it runs as nobody, and later with namespaces again',
  async () => {
    const host = openHost(dataDir, { path: await pathOf('setpriv', 'mkdir') });
    const { url, server } = await hostServer(host);
    expect((await stat(`/proc/${server.pid}`)).uid).toBe(nobody);
    expect((await stat(join(dataDir, 'postgres', 'cluster', 'base'))).uid).toBe(nobody);
    await write(url, 'kept');
    host.stdin.end();
    await once(host, 'exit');
    const next = await open();
    expect(await read(next.url)).toEqual(['kept']);
    expect((await stat(join(dataDir, 'postgres', 'cluster', 'base'))).uid).toBe(0);
  },
);

test.runIf(asRoot)('as root without a way to become another user, the error says what to do', async () => {
  expect(await hostAnswer(openHost(dataDir, { path: await pathOf('mkdir') }))).toMatchObject({
    code: 'storage_unavailable',
    message: expect.stringMatching(
      /^Postgres does not run as root, .* set DATABASE_URL to your own Postgres\.$/,
    ) as string,
  });
});
