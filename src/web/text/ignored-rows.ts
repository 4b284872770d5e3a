/** What the repository ignores, as a last folder in the tree of changed files. */
import type { IgnoredFile, TreeRow } from './tree-rows.ts';

/** Another one than that of a changed file with this path. */
export const ignoredKey = ({ path, pathBytes }: IgnoredFile): string =>
  pathBytes === undefined ? `!=${path}` : `!#${pathBytes}`;

/** A directory in which everything is ignored is named as one. */
export const isFolder = ({ path }: { path: string }): boolean => path.endsWith('/');

/** No folder of the tree has this one. */
export const ignoredFolderKey = '/';
const byName = new Intl.Collator('en', { numeric: true }).compare;

/** `place` is that of their folder. */
export function ignoredRows(
  files: readonly IgnoredFile[],
  closed: ReadonlySet<string>,
  place: TreeRow['place'],
): TreeRow[] {
  const isOpen = !closed.has(ignoredFolderKey);
  const count = files.length;
  const shown = isOpen ? files.toSorted((a, b) => byName(a.path, b.path)) : [];
  return [
    { kind: 'folder', key: ignoredFolderKey, name: 'Ignored', depth: 0, count, isOpen, place },
    ...shown.map((ignored, at): TreeRow => ({
      kind: 'ignored',
      key: ignoredKey(ignored),
      name: ignored.path,
      depth: 1,
      ignored,
      place: { at: at + 1, of: count },
    })),
  ];
}
