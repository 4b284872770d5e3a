import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { openPostgresProxy } from './postgres-proxy.ts';
import { until } from './until.ts';

export interface Pgbouncer {
  /** The same database, through it. */
  readonly url: string;
  close(): Promise<void>;
}

const nobody = 65_534;

/** The program's path, or undefined. Debian: `apt-get install pgbouncer`. */
export const pgbouncerPath = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin']
  .map((folder) => join(folder, 'pgbouncer'))
  .find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

/** The real program in front of a test database. */
export async function startPgbouncer(
  databaseUrl: string,
  settings: { pool_mode: 'session' | 'transaction' } & Record<string, string | number>,
): Promise<Pgbouncer> {
  const folder = await mkdtemp(join(tmpdir(), 'boocode-pgbouncer-'));
  // pgbouncer refuses to run as root, and another user cannot reach the server's socket.
  const proxy = await openPostgresProxy(databaseUrl);
  const server = new URL(proxy.url);
  const port = await freePort();
  const name = server.pathname.slice(1);
  const own = { listen_addr: '127.0.0.1', listen_port: port, unix_socket_dir: '', auth_type: 'any', ...settings };
  const target = `host=127.0.0.1 port=${server.port} dbname=${name} user=${server.username} password=${server.password}`;
  const lines = Object.entries(own).map(([key, value]) => `${key} = ${value}`);
  await chmod(folder, 0o755);
  const file = join(folder, 'pgbouncer.ini');
  await writeFile(file, `[databases]\n${name} = ${target}\n[pgbouncer]\n${lines.join('\n')}\n`);
  const isRoot = process.getuid?.() === 0;
  const child = spawn(pgbouncerPath ?? 'pgbouncer', ['-q', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
    ...(isRoot ? { uid: nobody, gid: nobody } : {}),
  });
  const exited = once(child, 'exit');
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
    await proxy.close();
    await rm(folder, { recursive: true });
  };
  try {
    await until(() => child.exitCode !== null || answers(port), { what: 'pgbouncer to listen' });
    if (child.exitCode !== null) throw new Error(`pgbouncer ended with code ${child.exitCode}.`);
  } catch (error) {
    await close();
    throw error;
  }
  return { url: `postgres://anybody@127.0.0.1:${port}/${name}`, close };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}
