import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, copyFileSync, readdirSync, realpathSync } from 'node:fs';
import { appendFile, chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcess } from '../../src/lib/process-identity.ts';
import { findPostgresBinaries } from '../../src/store/embedded-postgres/binaries.ts';
import { openCluster } from '../../src/store/embedded-postgres/cluster.ts';
import { postgresCommand } from '../../src/store/embedded-postgres/command.ts';
import { choosePostgresUser } from '../../src/store/embedded-postgres/user.ts';
import { openDatabase, type Sql } from '../../src/store/database.ts';
import { freePort } from './free-port.ts';
import { until } from './until.ts';

export interface OwnPostgres {
  readonly port: number;
  /** For the superuser `boocode`, over TCP on 127.0.0.1. */
  readonly url: string;
  readonly sql: Sql;
  /** Changes settings of the running server, and waits until new connections use them. */
  set(settings: Record<string, string>): Promise<void>;
  /** Ends the server: SIGINT is Postgres's fast shutdown, SIGQUIT the immediate one. */
  stop(signal: 'SIGINT' | 'SIGQUIT'): Promise<void>;
  /** Starts it again, at the same address. Does nothing while it runs. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export const tlsFixtures = join(import.meta.dirname, '..', 'fixtures', 'tls');
const password = 'own';

/** A separate Postgres for a test, for what the run's shared one lacks: TCP, TLS, few connections, access rules. */
export async function startOwnPostgres({
  settings = {},
  hba = 'host all all all scram-sha-256',
  folder = tmpdir(),
}: { settings?: Record<string, string>; hba?: string; folder?: string } = {}): Promise<OwnPostgres> {
  const home = realpathSync(await mkdtemp(join(folder, 'boocode-postgres-')));
  const passwordFile = join(home, 'password');
  await writeFile(passwordFile, password);
  const binaries = findPostgresBinaries();
  const user = await choosePostgresUser(binaries.postgres, home);
  const own = (path: string): void => {
    if (user.uid !== null) chownSync(path, user.uid, user.uid);
  };
  own(passwordFile);
  const cluster = await openCluster({ home, binaries, user, passwordFile });
  await writeFile(join(cluster, 'pg_hba.conf'), `${hba}\n`);
  for (const name of readdirSync(tlsFixtures)) {
    const copy = join(cluster, name);
    copyFileSync(join(tlsFixtures, name), copy);
    // Postgres refuses a key that others can read, and in a checkout everybody can.
    await chmod(copy, 0o600);
    own(copy);
  }
  const port = await freePort();
  const all = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'off',
    ...settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name} = '${value}'`);
  await appendFile(join(cluster, 'postgresql.conf'), `\n${lines.join('\n')}\n`);
  const { command, args, options } = postgresCommand(user, binaries.postgres, ['-D', cluster], 'INT');
  const url = `postgres://boocode:${password}@127.0.0.1:${port}/postgres`;
  const sql = openDatabase(`${url}?sslmode=disable`, { max: 1 });
  let child: ChildProcess | undefined;
  const hasEnded = (): boolean => !child || child.exitCode !== null || child.signalCode !== null;
  const answers = (): Promise<boolean> =>
    sql`select 1`.then(
      () => true,
      () => false,
    );
  const startOnce = async (): Promise<void> => {
    const started = spawn(command, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
    child = started;
    let said = '';
    started.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_000)));
    await until(async () => hasEnded() || (await answers()), { timeoutMs: 60_000, what: 'Postgres to start' });
    if (hasEnded()) throw new Error(`Postgres did not start: ${said}`);
  };
  const stop = async (signal: 'SIGINT' | 'SIGQUIT'): Promise<void> => {
    if (!child || hasEnded()) return;
    const exited = once(child, 'exit');
    await endProcess(child, { signal, graceMs: 10_000 });
    await exited;
  };
  const remove = async (): Promise<void> => {
    await sql.end({ timeout: 1 });
    await stop('SIGINT');
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await startOnce();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    port,
    url,
    sql,
    async set(changes) {
      for (const [name, value] of Object.entries(changes)) await sql.unsafe(`alter system set ${name} = '${value}'`);
      await sql`select pg_reload_conf()`;
      await until(async () => {
        const rows = await sql<{ name: string; setting: string }[]>`
          select name, setting from pg_settings where name in ${sql(Object.keys(changes))}`;
        return rows.every(({ name, setting }) => setting === changes[name]);
      });
    },
    stop,
    start: async () => {
      if (hasEnded()) await startOnce();
    },
    close: remove,
  };
}
