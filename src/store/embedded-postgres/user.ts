import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../lib/process-identity.ts';
import { BooError } from '../../protocol/error.ts';

/** The user Postgres runs as: the command prefix, and who must own its files. */
export interface PostgresUser {
  prefix: readonly string[];
  /** Null: the current user. */
  uid: number | null;
}

const nobody = 65534;

/**
 * Postgres refuses to run as root, so root must run it as another user. Preferably in a user namespace, where root's
 * own files belong to that user and nothing changes outside. If namespaces are forbidden, as in many containers, it
 * runs as `nobody`: that user gets the files, and the one capability to reach them below root-only directories.
 */
export async function choosePostgresUser(postgres: string, home: string): Promise<PostgresUser> {
  if (process.getuid?.() !== 0) return { prefix: [], uid: null };
  for (const user of [...namespaceUser(), ...nobodyUser()]) {
    giveFiles(home, user);
    if (await works(user, postgres, home)) return user;
  }
  throw new BooError(
    'storage_unavailable',
    `Postgres does not run as root, and no other user was found that can reach ${postgres} and ${home}: ` +
      'start BooCode as an ordinary user, or set DATABASE_URL to your own Postgres.',
  );
}

function namespaceUser(): PostgresUser[] {
  const unshare = findProgram('unshare');
  if (unshare === null) return [];
  return [{ prefix: [unshare, '--user', `--map-user=${nobody}`, `--map-group=${nobody}`, '--'], uid: 0 }];
}

function nobodyUser(): PostgresUser[] {
  const setpriv = findProgram('setpriv');
  if (setpriv === null) return [];
  const ids = ['--reuid', String(nobody), '--regid', String(nobody), '--clear-groups'];
  const capability = ['--inh-caps', '+dac_override', '--ambient-caps', '+dac_override'];
  return [{ prefix: [setpriv, ...ids, ...capability, '--'], uid: nobody }];
}

/** Whether the user can run Postgres and write in `home`. Tried, not queried: access(2) ignores the capability. */
async function works({ prefix }: PostgresUser, postgres: string, home: string): Promise<boolean> {
  const probe = join(home, 'probe');
  rmSync(probe, { recursive: true, force: true });
  const script = '"$0" --version && mkdir "$1"';
  const [program, ...args] = [...prefix, '/bin/sh', '-c', script, postgres, probe];
  const child = spawn(program, args, { stdio: 'ignore' });
  const status = await once(child, 'exit').then(
    ([code]) => code as number | null,
    () => null,
  );
  rmSync(probe, { recursive: true, force: true });
  return status === 0;
}

/** Gives `home` and everything in it to the user: another way of starting may have changed the owner. */
function giveFiles(home: string, { uid }: PostgresUser): void {
  if (uid !== null && lstatSync(home).uid !== uid) chownTree(home, uid);
}

function chownTree(path: string, uid: number): void {
  const entry = lstatSync(path);
  // The top comes last, so that an interrupted run is noticed and repeated.
  if (entry.isDirectory()) for (const name of readdirSync(path)) chownTree(join(path, name), uid);
  if (!entry.isSymbolicLink()) chownSync(path, uid, uid);
}
