import { spawnSync } from 'node:child_process';
import { accessSync, chownSync, constants, lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../lib/process-identity.ts';
import { BooError } from '../protocol/error.ts';

/** As whom Postgres runs: what to put before its command, and who must own its files. */
export interface PostgresUser {
  prefix: readonly string[];
  /** Null: whoever owns them now. */
  uid: number | null;
}

const nobody = 65534;

/**
 * Postgres refuses to run as root, so as root it runs as another user. Best in a user namespace, where root's own files
 * belong to that user and nothing changes outside. Containers often forbid namespaces: there it runs as `nobody`, which
 * gets the files, and one capability, so that it reaches them below directories that are root's alone.
 */
export function choosePostgresUser(postgres: string, home: string): PostgresUser {
  if (process.getuid?.() !== 0) return { prefix: [], uid: null };
  const unshare = findProgram('unshare');
  const setpriv = findProgram('setpriv');
  const users: PostgresUser[] = [];
  if (unshare !== null) {
    const mapping = [`--map-user=${nobody}`, `--map-group=${nobody}`];
    users.push({ prefix: [unshare, '--user', ...mapping, '--'], uid: 0 });
  }
  if (setpriv !== null) {
    const ids = ['--reuid', String(nobody), '--regid', String(nobody), '--clear-groups'];
    const capability = ['--inh-caps', '+dac_override', '--ambient-caps', '+dac_override'];
    users.push({ prefix: [setpriv, ...ids, ...capability, '--'], uid: nobody });
    users.push({ prefix: [setpriv, ...ids, '--'], uid: nobody });
  }
  const user = users.find((candidate) => reaches(candidate, postgres, home));
  if (user) return user;
  throw new BooError(
    'storage_unavailable',
    `Postgres does not run as root, and as another user it does not reach ${postgres} or ${home}: ` +
      'start BooCode as an ordinary user, or set DATABASE_URL to a Postgres of your own.',
  );
}

function reaches(user: PostgresUser, postgres: string, home: string): boolean {
  // Given away before it is tried; taken back by the next candidate.
  giveFiles(home, user);
  return runs(user, [postgres, '--version']) && runs(user, ['test', '-w', home]);
}

function runs({ prefix }: PostgresUser, command: readonly string[]): boolean {
  const [program = '', ...args] = [...prefix, ...command];
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/** Makes `home` and all in it belong to the user, which another way of starting may have changed. */
export function giveFiles(home: string, { uid }: PostgresUser): void {
  if (uid === null) {
    refuseForeign(home);
    return;
  }
  if (statSync(home).uid !== uid) chownTree(home, uid);
}

function chownTree(path: string, uid: number): void {
  if (lstatSync(path).isSymbolicLink()) return;
  // Children first: a half-done run is seen by the owner of the top, and done again.
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) chownTree(join(path, name), uid);
  chownSync(path, uid, uid);
}

function refuseForeign(home: string): void {
  const owner = statSync(home).uid;
  if (owner === process.getuid?.()) return;
  let reason = 'belongs to another user';
  try {
    accessSync(home, constants.W_OK);
  } catch {
    reason += ' and cannot be written';
  }
  throw new BooError(
    'config_invalid',
    `The directory ${home} ${reason} (uid ${owner}): choose another data directory.`,
  );
}
