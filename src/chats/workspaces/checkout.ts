import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { complaint, git, type GitEnvironment } from './git.ts';
import { cleanRemote, repositoryKey } from './remote.ts';

/** What git says about a directory. */
export interface Checkout {
  /** The top of the working tree. A worktree and a submodule have their own. */
  top: string;
  /** Where the directory is below it; '' at the top. */
  inside: string;
  /** Clean: `origin`, or else the first one that has an address. */
  remote: string | null;
  /** The keys of all remotes. */
  keys: readonly string[];
  /** Null if none is checked out. */
  branch: string | null;
  /** Where git keeps HEAD. */
  gitDirectory: string;
}

/** Null for a directory that is in no repository. Throws if git cannot tell. */
export async function readCheckout(cwd: string, env: GitEnvironment): Promise<Checkout | null> {
  const ask = (...args: string[]) => git(args, { cwd, env });
  const [place, head, remotes] = await Promise.all([
    ask('rev-parse', '--show-toplevel', '--show-prefix', '--absolute-git-dir'),
    ask('symbolic-ref', '--quiet', 'HEAD'),
    ask('config', '--null', '--get-regexp', String.raw`^remote\..*\.url$`),
  ]);
  if (place.code !== 0) {
    if (place.stderr.includes('not a git repository')) return null;
    throw new Error(complaint(place));
  }
  const [top = '', prefix = '', gitDirectory = ''] = place.stdout.split('\n');
  const addresses = remotes.stdout.split('\0').flatMap((entry) => {
    const end = entry.indexOf('\n');
    const clean = end < 0 ? null : cleanRemote(entry.slice(end + 1), top);
    return clean === null ? [] : [{ name: entry.slice(0, end), clean }];
  });
  const remote = addresses.find(({ name }) => name === 'remote.origin.url') ?? addresses[0];
  return {
    top,
    inside: prefix.replace(/\/$/, ''),
    remote: remote?.clean ?? null,
    keys: addresses.map(({ clean }) => repositoryKey(clean)),
    branch: branchOf(head.stdout),
    gitDirectory,
  };
}

/** The branch that is checked out, without starting a process; undefined if that cannot be told. */
export async function readBranch(gitDirectory: string): Promise<string | null | undefined> {
  const head = await readFile(join(gitDirectory, 'HEAD'), 'utf8').catch(() => undefined);
  // A repository with another kind of reference storage has only a placeholder there.
  if (head === undefined || head.includes('refs/heads/.invalid')) return undefined;
  return branchOf(head.replace(/^ref: /, ''));
}

function branchOf(reference: string): string | null {
  return /^refs\/heads\/(.+?)\s*$/.exec(reference)?.[1] ?? null;
}
