import { BooError } from '../../protocol/error.ts';
import type { WorktreeProblem } from '../../protocol/worktree.ts';

/** Nothing has changed, for a reason that clients are told. */
export function refused(
  reason: WorktreeProblem,
  message: string,
  { cause, ...details }: Record<string, unknown> = {},
): BooError {
  return new BooError('worktree_refused', message, { cause, details: { ...details, reason } });
}

const maxNamed = 20;

/** The first of these files, for a sentence and for `details`. */
export function named(paths: readonly (string | Buffer)[]): { text: string; files: string[] } {
  const files = paths.map((path) => path.toString());
  const more = files.length > 3 ? ` and ${files.length - 3} more` : '';
  return { text: `${files.slice(0, 3).join(', ')}${more}`, files: files.slice(0, maxNamed) };
}

export function onlyIsolated(): BooError {
  return new BooError('invalid_request', 'worktree: is valid with isolation worktree only', {
    details: { field: 'worktree' },
  });
}
