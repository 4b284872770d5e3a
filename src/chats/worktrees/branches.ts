/** What a worktree can be made from, for completion. */
import { isAbsolute } from 'node:path';
import { BooError } from '../../protocol/error.ts';
import type { BranchList } from '../../protocol/worktree.ts';
import { ask, findRepository, type GitWork, must } from './git-work.ts';

const maxItems = 50;
const kinds = [
  ['branch', 'refs/heads/'],
  ['tag', 'refs/tags/'],
  ['remote', 'refs/remotes/'],
] as const;

/** The branches and tags whose names contain this. No commit is read, so that it is cheap however many there are. */
export async function listBranches(work: GitWork, directory: string, part: string): Promise<BranchList> {
  const none: BranchList = { repository: null, current: null, items: [], truncated: false };
  if (directory === '') return none;
  if (!isAbsolute(directory))
    throw new BooError('invalid_request', 'directory: must be absolute', { details: { field: 'directory' } });
  const repository = await findRepository(work, directory).catch((error: unknown) => {
    // A path that is still being typed is no error.
    if (error instanceof BooError && error.details['reason'] !== 'git_failed') return null;
    throw error;
  });
  if (!repository) return none;
  const { top } = repository;
  const [head, refs] = await Promise.all([
    ask(work, top, ['symbolic-ref', '--quiet', '--short', 'HEAD']),
    must(work, top, ['for-each-ref', '--format=%(refname)', ...kinds.map(([, prefix]) => prefix)]),
  ]);
  const names = refs.split('\n');
  const wanted = part.toLowerCase();
  const found = kinds.flatMap(([kind, prefix]) =>
    names.flatMap((name) => {
      const short = name.slice(prefix.length);
      // A remote's HEAD is another name of one of its branches.
      const isAlias = kind === 'remote' && short.endsWith('/HEAD');
      const fits = name.startsWith(prefix) && !short.startsWith('-') && short.toLowerCase().includes(wanted);
      return fits && !isAlias ? [{ name: short, kind }] : [];
    }),
  );
  return {
    repository: top,
    current: head.code === 0 ? head.stdout.trim() : null,
    items: found.slice(0, maxItems),
    truncated: found.length > maxItems,
  };
}
