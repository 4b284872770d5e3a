import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fromDist } from './dist.mjs';

const { endProcess } = await fromDist('lib/process-identity.js');
const { findPostgresBinaries } = await fromDist('store/embedded-postgres/binaries.js');
const { openCluster } = await fromDist('store/embedded-postgres/cluster.js');
const { postgresCommand } = await fromDist('store/embedded-postgres/command.js');
const { choosePostgresUser } = await fromDist('store/embedded-postgres/user.js');
const { openDatabase } = await fromDist('store/database.js');

/** Postgres with its own defaults, apart from the given settings, on a socket in the place. Returns its address. */
export async function openOwnPostgres(place, settings) {
  const home = join(place.root, 'postgres');
  mkdirSync(home);
  const binaries = findPostgresBinaries();
  const user = await choosePostgresUser(binaries.postgres, home);
  const passwordFile = join(home, 'password');
  writeFileSync(passwordFile, 'bench');
  if (user.uid !== null) for (const path of [home, passwordFile]) chownSync(path, user.uid, user.uid);
  const cluster = await openCluster({ home, binaries, user, passwordFile });
  const all = { listen_addresses: '', unix_socket_directories: home, ...settings };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const { command, args, options } = postgresCommand(user, binaries.postgres, ['-D', cluster, ...flags], 'INT');
  const child = spawn(command, args, { ...options, stdio: 'ignore' });
  const exited = once(child, 'exit');
  place.onClose(async () => {
    await endProcess(child, { signal: 'SIGINT', graceMs: 10_000 });
    await exited;
  });
  const url = `postgres://boocode:bench@/postgres?host=${encodeURIComponent(home)}`;
  const sql = openDatabase(url, { max: 1 });
  for (let attempt = 1; ; attempt += 1) {
    try {
      await sql`select 1`;
      break;
    } catch (error) {
      if (attempt === 100 || child.exitCode !== null) throw error;
      await delay(100);
    }
  }
  await sql.end();
  return url;
}
