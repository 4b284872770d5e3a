/** Changed files as a tree: folders before files, and a folder with nothing but another one in a row with it. */
import type { ChangedFile, ChangeList } from '../../client/client.ts';

export type IgnoredFile = NonNullable<ChangeList['ignored']>['files'][number];

export type TreeRow =
  | { kind: 'folder'; key: string; name: string; depth: number; count: number; isOpen: boolean; place: Place }
  | { kind: 'file'; key: string; name: string; depth: number; file: ChangedFile; place: Place }
  | { kind: 'ignored'; key: string; name: string; depth: number; ignored: IgnoredFile; place: Place };

/** Of a row among those beside it, from 1. */
interface Place {
  at: number;
  of: number;
}

/** Tells files apart, also those whose paths look the same. */
export const fileKey = (file: Pick<ChangedFile, 'path' | 'pathBytes'>): string =>
  file.pathBytes === undefined ? `=${file.path}` : `#${file.pathBytes}`;

interface Folder {
  folders: Map<string, Folder>;
  files: ChangedFile[];
  count: number;
}

const newFolder = (): Folder => ({ folders: new Map(), files: [], count: 0 });
const byName = new Intl.Collator('en', { numeric: true }).compare;
const nameIn = ({ path }: ChangedFile): string => path.slice(path.lastIndexOf('/') + 1);

/** `beside` is how many other rows the topmost ones have beside them. */
export function treeRows(files: readonly ChangedFile[], closed: ReadonlySet<string>, beside = 0): TreeRow[] {
  const top = newFolder();
  for (const file of files) {
    let folder = top;
    for (const name of file.path.split('/').slice(0, -1)) {
      folder.count += 1;
      let next = folder.folders.get(name);
      if (!next) folder.folders.set(name, (next = newFolder()));
      folder = next;
    }
    folder.count += 1;
    folder.files.push(file);
  }
  const rows: TreeRow[] = [];
  const add = (folder: Folder, path: string, depth: number): void => {
    const of = folder.folders.size + folder.files.length + (folder === top ? beside : 0);
    let at = 0;
    for (const [first, below] of [...folder.folders].toSorted(([a], [b]) => byName(a, b))) {
      let [name, inner] = [first, below];
      while (inner.files.length === 0 && inner.folders.size === 1) {
        const [[only, next]] = [...inner.folders] as [[string, Folder]];
        [name, inner] = [`${name}/${only}`, next];
      }
      const key = `${path}${name}/`;
      const isOpen = !closed.has(key);
      rows.push({ kind: 'folder', key, name, depth, count: inner.count, isOpen, place: { at: (at += 1), of } });
      if (isOpen) add(inner, key, depth + 1);
    }
    for (const file of folder.files.toSorted((a, b) => byName(nameIn(a), nameIn(b)))) {
      rows.push({ kind: 'file', key: fileKey(file), name: nameIn(file), depth, file, place: { at: (at += 1), of } });
    }
  };
  add(top, '', 0);
  return rows;
}
