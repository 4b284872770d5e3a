/**
 * Copies untracked files into a new worktree, as `boocode.copy` names them: with git's own patterns, so that nothing tracked and
 * nothing outside is ever meant. No link is followed, neither in what is copied nor in where it goes, and nothing is overwritten.
 */
import { constants, createWriteStream } from 'node:fs';
import { lstat, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { countOf } from '../../protocol/count-text.ts';
import { splitPaths } from '../changes/paths.ts';
import type { Repository } from '../changes/repository.ts';
import { copyIndex } from '../changes/working-tree.ts';
import { type GitWork, withPrivateGit } from './git-work.ts';
import { refused } from './refused.ts';

const maxFiles = 20_000;

export interface Copied {
  files: number;
  /** Links, and what was there already. */
  skipped: string[];
}

export async function copyFiles(
  work: GitWork,
  from: Repository,
  to: string,
  patterns: readonly string[],
): Promise<Copied> {
  if (patterns.length === 0) return { files: 0, skipped: [] };
  const listed = await withPrivateGit(work, from, async (own) => {
    await copyIndex(join(from.gitDirectory, 'index'), own.index).catch(() => undefined);
    const specs = patterns.map((pattern) => `:(top,glob)${pattern.replace(/^\/+/, '').replace(/\/+$/, '')}`);
    const { stdout } = await own.run(['ls-files', '-z', '--others', '--', ...specs]);
    return splitPaths(stdout).map((path) => path.toString('utf8'));
  });
  const paths = listed.filter((path) => !path.endsWith('/'));
  if (paths.length > maxFiles) {
    const what = `boocode.copy means ${countOf(paths.length, 'file')} of ${from.top}`;
    throw refused('setup_failed', `${what}, more than ${maxFiles}. Have them made by boocode.setup instead.`, {
      output: '',
    });
  }
  const skipped: string[] = [];
  let files = 0;
  for (const path of paths) {
    work.signal.throwIfAborted();
    if (await copyFile(from.top, to, path)) files += 1;
    else skipped.push(path);
  }
  return { files, skipped };
}

async function copyFile(from: string, to: string, path: string): Promise<boolean> {
  const source = join(from, path);
  if ((await lstat(source).catch(() => null))?.isFile() !== true) return false;
  if (!(await makeParents(to, dirname(path)))) return false;
  const handle = await open(source, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => null);
  if (!handle) return false;
  try {
    const { mode } = await handle.stat();
    // `wx` follows no link either.
    const target = createWriteStream(join(to, path), { flags: 'wx', mode: mode & 0o777 });
    await pipeline(handle.createReadStream({ autoClose: false }), target);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await handle.close();
  }
}

/** False if something else than a directory is in the way. */
async function makeParents(to: string, directory: string): Promise<boolean> {
  if (directory === '.') return true;
  if (!(await makeParents(to, dirname(directory)))) return false;
  const path = join(to, directory);
  await mkdir(path).catch(() => undefined);
  return (await lstat(path).catch(() => null))?.isDirectory() === true;
}
