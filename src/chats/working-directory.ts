import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { BooError } from '../protocol/error.ts';
import type { WorkPlaces } from './work-places.ts';

/**
 * The directory's real path, symbolic links resolved. Throws `cwd_invalid` with the reason: for instance that no agent may
 * work there, which is said of what does not exist, too.
 */
export async function resolveWorkingDirectory(cwd: string, places: WorkPlaces): Promise<string> {
  if (!isAbsolute(cwd)) throw refusal('must be an absolute path');
  let path: string;
  try {
    await places.assert(cwd);
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
  // A link may have changed meanwhile.
  await places.assert(path);
  return path;
}

function refusal(problem: string, cause?: unknown): BooError {
  return new BooError('cwd_invalid', `cwd: ${problem}`, { cause, details: { field: 'cwd' } });
}
