import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BooError } from './protocol/error.ts';

/** Throws `config_invalid` for an existing token that is unusable. Creates none. */
export function checkToken(dataDir: string): void {
  readKept(join(dataDir, 'token'));
}

/**
 * The server's token: 256 random bits, created at the first start and kept in the data directory, readable only by its
 * owner.
 */
export function openToken(dataDir: string): string {
  const path = join(dataDir, 'token');
  try {
    const kept = readKept(path);
    if (kept !== null) return kept;
    // Atomic: written aside, then linked, which fails if another process was first.
    const fresh = `${path}.${process.pid}`;
    writeFileSync(fresh, randomBytes(32).toString('base64url'), { mode: 0o600 });
    try {
      linkSync(fresh, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(fresh, { force: true });
    }
    return readKept(path) as string;
  } catch (cause) {
    if (cause instanceof BooError) throw cause;
    throw new BooError('config_invalid', `The data directory ${dataDir} is not writable.`, { cause });
  }
}

/** Replaces the token by a fresh one, which it returns. */
export function replaceToken(dataDir: string): string {
  const path = join(dataDir, 'token');
  const fresh = `${path}.${process.pid}`;
  try {
    writeFileSync(fresh, randomBytes(32).toString('base64url'), { mode: 0o600 });
    renameSync(fresh, path);
    return readKept(path) as string;
  } catch (cause) {
    rmSync(fresh, { force: true });
    throw new BooError('config_invalid', `The token in ${path} could not be replaced.`, { cause });
  }
}

function readKept(path: string): string | null {
  let token: string;
  try {
    token = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new BooError('config_invalid', `The token in ${path} cannot be read: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  if (!/^[\x21-\x7e]{16,512}$/.test(token)) {
    throw new BooError(
      'config_invalid',
      `The token in ${path} is damaged. Delete the file; the next start creates a new one.`,
    );
  }
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
  return token;
}
