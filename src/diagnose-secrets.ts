import { SecretKeys } from './chats/secrets/secret-keys.ts';
import { unreadable } from './chats/secrets/secrets.ts';
import type { Config } from './config.ts';
import { type Finding, finding } from './protocol/finding.ts';
import { toBooError } from './protocol/error.ts';
import { openDatabase } from './store/database.ts';
import { listSecretKeys } from './store/secrets.ts';

/**
 * Whether this host can read the secrets of its database. That of a data directory may be in use by a server, which says so
 * itself at its start.
 */
export async function checkSecrets({ secretsKeyFile, databaseUrl }: Config): Promise<Finding[]> {
  const name = 'secrets';
  const keys = new SecretKeys(secretsKeyFile);
  try {
    const count = keys.read().length;
    const problem = databaseUrl === null ? null : unreadable(await keysIn(databaseUrl), keys);
    if (problem !== null) {
      const [what = problem, ...fix] = problem.split(/(?<=\.) (?=Every)/);
      return [finding(name, 'fail', what, fix.join(' '))];
    }
    if (count === 0) return [];
    return [finding(name, 'ok', `Secrets can be read with ${keys.path}. Keep a copy of it, and not in a backup.`)];
  } catch (error) {
    return [
      finding(name, 'fail', toBooError(error).message, 'Copy the file from another host, or from where you keep it.'),
    ];
  }
}

/** None if the database cannot be reached, which another check says, or is of an earlier version. */
async function keysIn(url: string): ReturnType<typeof listSecretKeys> {
  const sql = openDatabase(url, { max: 1 });
  try {
    return await listSecretKeys(sql);
  } catch {
    return [];
  } finally {
    await sql.end({ timeout: 5 });
  }
}
