import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { overlapOf } from '../lib/directory-overlap.ts';
import { BooError } from '../protocol/error.ts';

/**
 * The directory's real path, symbolic links resolved. Throws `cwd_invalid` with the reason: for instance that an agent
 * in it could access the server's own files.
 */
export async function resolveWorkingDirectory(cwd: string, dataDir: string): Promise<string> {
  if (!isAbsolute(cwd)) throw refusal('must be an absolute path');
  let path: string;
  try {
    path = await realpath(cwd);
    if (!(await stat(path)).isDirectory()) throw refusal('is not a directory');
    await access(path, constants.R_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof BooError) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : '';
    throw refusal(
      code === 'ENOENT' ? 'does not exist' : code === 'EACCES' ? 'cannot be read' : 'cannot be used',
      error,
    );
  }
  await assertApart(path, dataDir);
  return path;
}

/** A missing directory is not reported here: the agent that works in it does that. */
export async function assertApart(cwd: string, dataDir: string): Promise<void> {
  const overlap = await overlapOf(cwd, dataDir);
  if (overlap === null) return;
  const choose = overlap === 'holds' ? 'choose a directory further down' : 'choose another directory';
  throw refusal(
    `${cwd} ${overlap} the server’s data directory${overlap === 'is' ? '' : ` ${dataDir}`}, whose token and database are not ` +
      `for agents: ${choose}, or start the server with another --data-dir`,
  );
}

function refusal(problem: string, cause?: unknown): BooError {
  return new BooError('cwd_invalid', `cwd: ${problem}`, { cause, details: { field: 'cwd' } });
}
