/** What changed files are called, and why there are none to show. */
import type { ChangedFile } from '../../client/client.ts';
import { countOf } from '../../protocol/count-text.ts';
import { unseenParts } from '../../protocol/exact-text.ts';

export const statusWords = {
  added: 'added',
  modified: 'modified',
  deleted: 'deleted',
  renamed: 'renamed',
  type_changed: 'of another type',
} as const satisfies Record<ChangedFile['status'], string>;

export const statusLetters = {
  added: 'A',
  modified: 'M',
  deleted: 'D',
  renamed: 'R',
  type_changed: 'T',
} as const satisfies Record<ChangedFile['status'], string>;

/** On one line, with names for what is not visible as itself. */
export const visibleName = (path: string): string =>
  unseenParts(path)
    .map(({ text }) => text)
    .join('')
    .replaceAll('\n', '␊');

export function linesText({ added, removed, isBinary, isSubmodule }: ChangedFile): string {
  if (isSubmodule) return 'submodule';
  if (isBinary) return 'binary';
  if (added === null || removed === null) return 'lines not counted';
  return `${countOf(added, 'line')} added, ${removed.toLocaleString('en-US')} removed`;
}

const reasons: Readonly<Record<string, string>> = {
  no_repository: 'This chat’s directory is not in a git repository, so there is nothing to compare it with.',
  bare_repository: 'This chat’s directory is a bare git repository, which has no files to compare.',
  outside_roots: 'This chat’s repository reaches outside of the directories that the server works in.',
  no_working_tree: 'This chat’s directory is inside of a git repository’s own files, outside of its working tree.',
  directory_missing: 'This chat’s directory is gone.',
  no_snapshot: 'The state to compare with was not recorded. Choose another one above.',
  too_slow: 'Reading this repository took too long.',
  git_failed: 'Git could not read this repository.',
};

export const reasonText = (reason: unknown): string | undefined =>
  typeof reason === 'string' ? reasons[reason] : undefined;
