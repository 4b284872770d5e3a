/** What is staged in the person's index: told, added and taken out again, by git itself. */
import type { ChangedFile, ShownPath } from '../../protocol/changes.ts';
import { gitBytes, type GitEnvironment } from '../workspaces/git.ts';
import { type Entry, noMode, readEntries } from './compare-trees.ts';
import type { Hand } from './hand.ts';
import { joined, keyOf } from './named-files.ts';
import { bytesOfShown, shownPath, splitPaths } from './paths.ts';
import { emptyTrees } from './repository.ts';

/** The differences of the index from a commit or a tree. No file is looked at, so none is filtered. */
export const staged = (base: string): string[] => [
  'diff-index',
  '--cached',
  '-z',
  '--raw',
  '--no-abbrev',
  '--no-renames',
  '--ignore-submodules=none',
  base,
];

export interface Staged {
  /** By path. */
  of: (file: ChangedFile) => NonNullable<ChangedFile['staged']>;
  /** In the index only: the working tree has these as in the last commit. */
  only: ShownPath[];
}

const maxShown = 3_000;

/** The paths in which the index differs from a commit or a tree. */
export type IndexReader = (base: string) => Promise<Set<string>>;

/** `objects` is where those of the working tree are. */
export function indexReader(top: string, { env, objects }: { env: GitEnvironment; objects: string }): IndexReader {
  const quoted = `"${objects.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  return async (base) => {
    const result = await gitBytes(staged(base), {
      cwd: top,
      env: { ...env, GIT_ALTERNATE_OBJECT_DIRECTORIES: quoted },
      timeoutMs: 20_000,
      maxBytes: 64 * 1024 * 1024,
    });
    if (result.code !== 0) throw new Error(`the index cannot be read: ${result.stderr.slice(0, 300)}`);
    return new Set(readEntries(splitPaths(result.stdout)).map(({ path }) => keyOf(path)));
  };
}

export async function readStaged(
  read: IndexReader,
  { inIndex, tree, files }: { inIndex: Set<string>; tree: string; files: readonly ChangedFile[] },
): Promise<Staged> {
  const notYet = inIndex.size === 0 ? new Set<string>() : await read(tree);
  const pathsOf = (file: ChangedFile): string[] =>
    [
      keyOfShown(file.path, file.pathBytes),
      file.oldPath === undefined ? null : keyOfShown(file.oldPath, file.oldPathBytes),
    ].filter((key) => key !== null);
  const listed = new Set(files.flatMap(pathsOf));
  return {
    of: (file) => {
      const paths = pathsOf(file);
      if (!paths.some((path) => inIndex.has(path))) return 'none';
      return paths.every((path) => inIndex.has(path) && !notYet.has(path)) ? 'all' : 'part';
    },
    only: [...inIndex]
      .filter((path) => notYet.has(path) && !listed.has(path))
      .slice(0, maxShown)
      .map((path) => shownPath(Buffer.from(path, 'latin1'))),
  };
}

const keyOfShown = (path: string, bytes: string | undefined): string => keyOf(bytesOfShown(path, bytes));

/** As they are in the working tree; those that are gone are removed. */
export async function stage(hand: Hand, paths: readonly Buffer[], index?: string): Promise<void> {
  await hand.assertPlain(paths);
  await hand.write(['update-index', '--add', '--remove', '--replace', '-z', '--stdin'], {
    input: joined(paths),
    ...(index !== undefined && { index }),
  });
}

/** All entries of the person's index: `<mode> <object>`. Those of a file in conflict are left out. */
export async function readIndex(hand: Hand): Promise<Map<string, string>> {
  return entriesIn(await hand.ask(['ls-files', '-z', '--stage', '--full-name']));
}

/** Of what `ls-files --stage` prints. */
export function entriesIn(output: Buffer): Map<string, string> {
  return new Map(
    splitPaths(output).flatMap((line): [string, string][] => {
      const end = line.indexOf(0x09);
      const [mode = '', object = '', number] = line.subarray(0, end).toString('latin1').split(' ');
      return number === '0' ? [[keyOf(line.subarray(end + 1)), `${mode} ${object}`]] : [];
    }),
  );
}

/** What is staged of these files. */
export async function readEntriesOf(hand: Hand, head: string | null, paths: readonly Buffer[]): Promise<Entry[]> {
  const wanted = new Set(paths.map(keyOf));
  const all = await hand.ask(staged(head ?? emptyTrees[hand.repository.objectFormat]));
  return readEntries(splitPaths(all)).filter(({ path }) => wanted.has(keyOf(path)));
}

/** The index has these files as in the last commit again. */
export async function unstage(hand: Hand, head: string | null, paths: readonly Buffer[]): Promise<void> {
  const entries = await readEntriesOf(hand, head, paths);
  const conflicts = entries.filter(({ letter }) => letter === 'U');
  const before = conflicts.length > 0 && head !== null ? await readTree(hand, head) : new Map<string, string>();
  // Of a file in conflict git tells more than one difference.
  const unique = new Map(entries.map((entry) => [keyOf(entry.path), entry]));
  await setEntries(
    hand,
    [...unique].map(([key, entry]) => {
      const isInConflict = conflicts.some(({ path }) => path.equals(entry.path));
      const known = isInConflict ? before.get(key) : entryText(entry.modes[0], entry.objects[0]);
      return { path: entry.path, entry: known ?? null };
    }),
  );
}

/** `<mode> <object>`; null if there was no file. */
export const entryText = (mode: string, object: string): string | null =>
  mode === noMode ? null : `${mode} ${object}`;

async function readTree(hand: Hand, head: string): Promise<Map<string, string>> {
  const lines = splitPaths(await hand.ask(['ls-tree', '-r', '-z', '--full-tree', head]));
  return new Map(
    lines.map((line) => {
      const end = line.indexOf(0x09);
      const [mode = '', , object = ''] = line.subarray(0, end).toString('latin1').split(' ');
      return [keyOf(line.subarray(end + 1)), `${mode} ${object}`];
    }),
  );
}

/** Sets entries of the person's index, or removes them. */
export async function setEntries(
  hand: Hand,
  entries: readonly { path: Buffer; entry: string | null }[],
  index?: string,
): Promise<void> {
  if (entries.length === 0) return;
  await hand.assertPlain([]);
  const none = '0'.repeat(hand.repository.objectFormat === 'sha256' ? 64 : 40);
  // First without any: an entry of a file in conflict has up to three.
  const lines = entries.flatMap(({ path, entry }) => [
    Buffer.concat([Buffer.from(`0 ${none}\t`), path]),
    ...(entry === null ? [] : [Buffer.concat([Buffer.from(`${entry}\t`), path])]),
  ]);
  await hand.write(['update-index', '-z', '--index-info'], {
    input: joined(lines),
    ...(index !== undefined && { index }),
  });
}
