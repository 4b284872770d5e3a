import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { BooError } from '../protocol/error.ts';

/** The directory's real path, symbolic links resolved. Throws `cwd_invalid`, saying what is wrong with it. */
export async function resolveWorkingDirectory(cwd: string): Promise<string> {
  const refuse = (problem: string, cause?: unknown): BooError =>
    new BooError('cwd_invalid', `cwd: ${problem}`, { cause, details: { field: 'cwd' } });
  if (!isAbsolute(cwd)) throw refuse('must be an absolute path');
  let path: string;
  try {
    path = await realpath(cwd);
    if (!(await stat(path)).isDirectory()) throw refuse('is not a directory');
    await access(path, constants.R_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof BooError) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : '';
    throw refuse(code === 'ENOENT' ? 'does not exist' : code === 'EACCES' ? 'cannot be read' : 'cannot be used', error);
  }
  return path;
}
