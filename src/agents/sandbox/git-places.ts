/**
 * What git needs of a workspace's repository, and which parts of it must not be written: hooks and configuration name
 * programs, which git would run outside the sandbox, too.
 *
 * A `.git` file is only believed if the directory that it names says the same: otherwise an agent could write one that
 * names any directory, and have it mounted at its next start.
 */
import { lstatSync, mkdirSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export interface GitPlaces {
  /** The top of the working tree that contains the workspace. */
  top: string;
  writable: string[];
  readOnly: string[];
}

/** `cwd` is a real path. Undefined if it is in no repository that can be told to be one. */
export function gitPlaces(cwd: string): GitPlaces | undefined {
  for (let top = cwd; ; top = dirname(top)) {
    const kind = kindOf(join(top, '.git'));
    if (kind !== undefined)
      return kind === 'directory' ? ofRepository(top) : kind === 'file' ? ofWorktree(top) : undefined;
    if (top === dirname(top)) return undefined;
  }
}

function ofRepository(top: string): GitPlaces {
  const git = join(top, '.git');
  const kept = keptParts(git);
  return kept ? { top, writable: [git], readOnly: [...kept, ...linksOf(git)] } : { top, writable: [], readOnly: [git] };
}

function ofWorktree(top: string): GitPlaces | undefined {
  const file = join(top, '.git');
  const own = realPath(resolve(top, /^gitdir: (.+)\n?$/.exec(read(file))?.[1] ?? '.'));
  const common = own === undefined ? undefined : dirname(dirname(own));
  if (own === undefined || common === undefined || dirname(own) !== join(common, 'worktrees')) return undefined;
  const isItsOwn = realPath(read(join(own, 'gitdir')).trim()) === file && kindOf(join(own, 'gitdir')) === 'file';
  const kept = isItsOwn ? keptParts(common) : undefined;
  return kept && { top, writable: [common], readOnly: [...kept, ...linksOf(common), file] };
}

/** What says where the worktrees of a repository have their configuration and hooks. */
function linksOf(common: string): string[] {
  const worktrees = join(common, 'worktrees');
  if (kindOf(worktrees) !== 'directory') return [];
  const links = readdirSync(worktrees).flatMap((name) =>
    ['commondir', 'gitdir'].map((file) => join(worktrees, name, file)),
  );
  return links.filter((path) => kindOf(dirname(path)) === 'directory' && kindOf(path) === 'file');
}

/** Undefined if it is no repository of the usual shape. */
function keptParts(git: string): string[] | undefined {
  const [hooks, config] = [join(git, 'hooks'), join(git, 'config')];
  if (kindOf(join(git, 'HEAD')) !== 'file' || kindOf(join(git, 'objects')) !== 'directory') return undefined;
  if (kindOf(config) !== 'file') return undefined;
  // Without the directory, an agent could make it.
  if (kindOf(hooks) === undefined) mkdirSync(hooks);
  return kindOf(hooks) === 'directory' ? [hooks, config] : undefined;
}

/** Undefined if there is nothing. A link is neither. */
function kindOf(path: string): 'directory' | 'file' | 'other' | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return undefined;
  return stat.isDirectory() ? 'directory' : stat.isFile() ? 'file' : 'other';
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
