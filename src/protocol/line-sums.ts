import type { ChangedFile } from './changes.ts';

/** The lines of all these files; null if they were not counted, as of too many files, or of binary ones only. */
export function lineSums(
  files: readonly Pick<ChangedFile, 'added' | 'removed'>[],
): { added: number; removed: number } | null {
  const counted = files.filter(({ added, removed }) => added !== null && removed !== null);
  if (files.length > 0 && counted.length === 0) return null;
  const sum = (of: 'added' | 'removed'): number => counted.reduce((all, file) => all + (file[of] ?? 0), 0);
  return { added: sum('added'), removed: sum('removed') };
}
