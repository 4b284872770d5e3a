/** What has been begun in a working tree, and not been finished. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Unfinished } from '../../protocol/unfinished.ts';
import type { Repository } from './repository.ts';

const marks: readonly (readonly [file: string, Unfinished])[] = [
  ['rebase-merge', 'rebase'],
  ['rebase-apply/applying', 'am'],
  ['rebase-apply', 'rebase'],
  ['MERGE_HEAD', 'merge'],
  ['CHERRY_PICK_HEAD', 'cherry-pick'],
  ['REVERT_HEAD', 'revert'],
];

/** Null if nothing is. */
export async function findUnfinished({ gitDirectory }: Pick<Repository, 'gitDirectory'>): Promise<Unfinished | null> {
  for (const [file, operation] of marks) {
    const found = await stat(join(gitDirectory, file)).catch(() => null);
    if (found !== null) return operation;
  }
  return null;
}

/** At the beginning of a sentence. */
export const withArticle = (operation: Unfinished): string => `${operation === 'am' ? 'An' : 'A'} ${operation}`;
