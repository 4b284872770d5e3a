import { spawnSync } from 'node:child_process';
import { chownSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../lib/process-identity.ts';
import { BooError } from '../../protocol/error.ts';

/** As whom Postgres runs: what to put before its command, and who must own its files. */
export interface PostgresUser {
  prefix: readonly string[];
  /** Null: whoever we are. */
  uid: number | null;
}

const nobody = 65534;

/**
 * Postgres refuses to run as root, so root must run it as another user. Best in a user namespace, where root's own files
 * belong to that user and nothing changes outside. Where namespaces are forbidden, as in many containers, it runs as
 * `nobody`: that user gets the files, and the one capability to reach them below directories that are root's alone.
 */
export function choosePostgresUser(postgres: string, home: string): PostgresUser {
  if (process.getuid?.() !== 0) return { prefix: [], uid: null };
  for (const user of [...namespaceUser(), ...nobodyUser()]) {
    giveFiles(home, user);
    if (runs(user, postgres, '--version') && writes(user, home)) return user;
  }
  throw new BooError(
    'storage_unavailable',
    `Postgres does not run as root, and no other user could be found here that reaches ${postgres} and ${home}: ` +
      'start BooCode as an ordinary user, or set DATABASE_URL to a Postgres of your own.',
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

function runs({ prefix }: PostgresUser, ...command: string[]): boolean {
  const [program = '', ...args] = [...prefix, ...command];
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

function writes(user: PostgresUser, home: string): boolean {
  // Tried, not asked: access(2) knows nothing of the capability.
  const probe = join(home, 'probe');
  rmSync(probe, { recursive: true, force: true });
  const works = runs(user, 'mkdir', probe);
  rmSync(probe, { recursive: true, force: true });
  return works;
}

/** Makes `home` and all that lies in it belong to the user: another way of starting may have changed the owner. */
function giveFiles(home: string, { uid }: PostgresUser): void {
  if (uid !== null && lstatSync(home).uid !== uid) chownTree(home, uid);
}

function chownTree(path: string, uid: number): void {
  const entry = lstatSync(path);
  // The top comes last, so that a run that was cut off is noticed and done again.
  if (entry.isDirectory()) for (const name of readdirSync(path)) chownTree(join(path, name), uid);
  if (!entry.isSymbolicLink()) chownSync(path, uid, uid);
}
