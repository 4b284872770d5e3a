/** What the steps on worktrees ask git. None of it runs what a repository configures, except where a step says so. */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BooError, toBooError } from '../../protocol/error.ts';
import { PrivateGit } from '../changes/private-git.ts';
import { Repositories, type Repository } from '../changes/repository.ts';
import { type AttributeQuery, filteredOf } from '../changes/filters.ts';
import { findUnfinished, withArticle } from '../changes/unfinished.ts';
import { copyIndex } from '../changes/working-tree.ts';
import { keyOf } from '../changes/named-files.ts';
import { splitPaths } from '../changes/paths.ts';
import { unchangedInIndex } from '../changes/racy-files.ts';
import { complaint, git, type GitEnvironment, type GitOptions, type GitResult } from '../workspaces/git.ts';
import type { WorkPlaces } from '../work-places.ts';
import { refused } from './refused.ts';

export interface GitWork {
  dataDir: string;
  places: WorkPlaces;
  env: GitEnvironment;
  signal: AbortSignal;
}

const limitMs = 120_000;
const scratchName = 'worktree-git-';

export function ask(
  { env, signal }: GitWork,
  cwd: string,
  args: readonly string[],
  options: Partial<GitOptions> = {},
): Promise<GitResult> {
  return git(args, { cwd, env, signal, timeoutMs: limitMs, maxBytes: 16 * 1024 * 1024, ...options });
}

/** What it prints, without the last line's end. Throws `worktree_refused` if it fails. */
export async function must(
  work: GitWork,
  cwd: string,
  args: readonly string[],
  options: Partial<GitOptions> = {},
): Promise<string> {
  const result = await ask(work, cwd, args, options);
  if (result.code !== 0) throw refused('git_failed', `git could not do it: ${complaint(result)}`);
  return result.stdout.replace(/\n$/, '');
}

/** Throws `worktree_refused` if there is none. */
export async function findRepository({ env, places }: GitWork, directory: string): Promise<Repository> {
  try {
    return await new Repositories(env, places).find(directory);
  } catch (error) {
    const { message, details } = toBooError(error);
    const reason = details['reason'] === 'directory_missing' ? 'missing' : 'no_repository';
    throw refused(details['reason'] === 'git_failed' ? 'git_failed' : reason, message, { cause: error });
  }
}

/** With a git directory of our own, which has no configuration. */
export async function withPrivateGit<T>(
  { dataDir, env, signal }: GitWork,
  repository: Repository,
  task: (own: PrivateGit) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(dataDir, scratchName));
  try {
    return await task(await PrivateGit.open({ folder, repository, env, signal, untilMs: performance.now() + limitMs }));
  } catch (error) {
    if (error instanceof BooError || signal.aborted) throw error;
    throw refused('git_failed', `git could not do it: ${toBooError(error).message}`, { cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a killed process has left. */
export async function removeScratch(dataDir: string): Promise<void> {
  const names = await readdir(dataDir).catch(() => []);
  const old = names.filter((name) => name.startsWith(scratchName));
  await Promise.all(old.map((name) => rm(join(dataDir, name), { recursive: true, force: true })));
}

/** The commit of a revision; null if there is none. */
export async function findCommit(work: GitWork, cwd: string, revision: string): Promise<string | null> {
  const args = ['rev-parse', '--quiet', '--verify', '--end-of-options', `${revision}^{commit}`];
  const found = await ask(work, cwd, args);
  return found.code === 0 ? found.stdout.trim() : null;
}

export const findBranch = (work: GitWork, cwd: string, branch: string): Promise<string | null> =>
  findCommit(work, cwd, `refs/heads/${branch}`);

export interface LinkedTree {
  path: string;
  /** Null if none is checked out. */
  branch: string | null;
  isLocked: boolean;
  /** It is still being made. */
  isUnborn: boolean;
}

/** All working trees of a repository. */
export async function listTrees(work: GitWork, cwd: string): Promise<LinkedTree[]> {
  const text = await must(work, cwd, ['worktree', 'list', '--porcelain', '-z']);
  return text.split('\0\0').flatMap((entry) => {
    const lines = entry.split('\0');
    const value = (name: string): string | undefined =>
      lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
    const path = value('worktree');
    if (path === undefined || lines.includes('bare')) return [];
    const branch = value('branch')?.replace(/^refs\/heads\//, '') ?? null;
    const isLocked = lines.some((line) => /^locked( |$)/.test(line));
    return [{ path, branch, isLocked, isUnborn: branch === null && /^0+$/.test(value('HEAD') ?? '') }];
  });
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Throws `worktree_refused` if a step there would meet somebody else's. */
export async function assertFree(repository: Repository, reason: 'in_progress' | 'base_in_use'): Promise<void> {
  const { top, gitDirectory } = repository;
  const operation = await findUnfinished(repository);
  if (operation !== null) throw refused(reason, `${withArticle(operation)} in ${top} is not finished.`);
  if (await exists(join(gitDirectory, 'index.lock'))) {
    throw refused(
      'locked',
      `Another git process works in ${top}, or has left ${join(gitDirectory, 'index.lock')} behind.`,
    );
  }
}

/** Tracked files that differ from the commit, in the index or in the working tree. */
export async function trackedChanges(own: PrivateGit, head: string): Promise<Buffer[]> {
  const index = join(own.folder, 'compared');
  const from = join(own.repository.gitDirectory, 'index');
  if (await exists(from)) await copyIndex(from, index);
  await own.run(['update-index', '-q', '--refresh'], { index, mayEndWith: [0, 1] });
  const args = ['-z', '--name-only', '--no-renames', '--ignore-submodules=dirty', head];
  const [there, staged] = await Promise.all([
    own.run(['diff-index', ...args], { index }),
    own.run(['diff-index', '--cached', ...args], { index }),
  ]);
  const paths = splitPaths(there.stdout);
  const unchanged = await unchangedInIndex(own, paths);
  const changed = [...paths.filter((path) => !unchanged.has(keyOf(path))), ...splitPaths(staged.stdout)];
  return [...new Map(changed.map((path) => [keyOf(path), path])).values()];
}

/**
 * Those of the files that a filter changes on their way between the repository and a working tree, by the attributes there,
 * or by those of the commit that is to be there.
 */
export async function filtered(own: PrivateGit, paths: readonly Buffer[], commit?: string): Promise<Buffer[]> {
  if (!own.repository.hasFilters) return [];
  const index = join(own.folder, 'attributes');
  const attributes: AttributeQuery = async (args, input) => (await own.run(args, { index, input })).stdout;
  const found = await filteredOf(attributes, paths);
  if (commit !== undefined) {
    await own.run(['read-tree', commit], { index });
    found.push(...(await filteredOf(attributes, paths, 'index')));
  }
  return [...new Map(found.map(({ path }) => [keyOf(path), path])).values()];
}

/** Paths that differ between two commits or trees. */
export async function differing(own: PrivateGit, from: string, to: string): Promise<Buffer[]> {
  const { stdout } = await own.run(['diff-tree', '-r', '-z', '--name-only', '--no-renames', from, to]);
  return splitPaths(stdout);
}
