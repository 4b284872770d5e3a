/** Takes some hunks of a diff back. The file has another name here, so that no path is ever part of a patch. */
import type { Entry } from './compare-trees.ts';
import { impossible } from './file-state.ts';
import type { PrivateGit } from './private-git.ts';
import { refused } from './refused.ts';

const name = 'file';
const maxBytes = 64 * 1024 * 1024;

/** The object with what is left; null if nothing is, because all were taken back. */
export async function withoutHunks(
  git: PrivateGit,
  entry: Entry,
  numbers: readonly number[],
  trees: (mode: string, object: string, path: Buffer) => Promise<string>,
): Promise<string | null> {
  const [before, after] = entry.modes;
  if (![before, after].every((mode) => mode === '000000' || mode.startsWith('100')))
    throw impossible(entry.path, 'is no ordinary file, so it has no hunks');
  const path = Buffer.from(name);
  const [from, to] = [
    await trees(entry.modes[0], entry.objects[0], path),
    await trees(entry.modes[1], entry.objects[1], path),
  ];
  const hunks = await readHunks(git, from, to);
  const wanted = new Set(numbers);
  if ([...wanted].some((number) => number >= hunks.length)) {
    throw refused('changed_since', `${entry.path.toString('utf8')} has ${hunks.length} hunks, and others were named.`);
  }
  // A file that is new or gone has one only.
  if (wanted.size === hunks.length) return null;
  const patch = Buffer.concat([
    Buffer.from(`diff --git a/${name} b/${name}\n--- a/${name}\n+++ b/${name}\n`),
    ...hunks.filter((_, at) => wanted.has(at)),
  ]);
  const index = `${git.folder}/hunks`;
  await git.run(['read-tree', to], { index });
  await git.run(['apply', '--reverse', '--cached', '--whitespace=nowarn', '-'], { index, input: patch });
  const line = (await git.run(['ls-files', '-z', '--stage'], { index })).stdout.toString('latin1');
  return line.split(' ')[1] ?? null;
}

async function readHunks(git: PrivateGit, from: string, to: string): Promise<Buffer[]> {
  const options = [
    '--no-ext-diff',
    '--no-textconv',
    '--no-color',
    '--no-renames',
    '--src-prefix=a/',
    '--dst-prefix=b/',
  ];
  const { stdout, isCut } = await git.run(['diff-tree', '-r', '-p', ...options, from, to], { maxBytes });
  if (isCut) throw refused('not_possible', 'The diff is too long to be discarded by hunks.');
  const starts: number[] = [];
  // Every line of a hunk begins with a mark, so this is never a part of the text.
  for (let at = stdout.indexOf('\n@@ '); at >= 0; at = stdout.indexOf('\n@@ ', at + 1)) starts.push(at + 1);
  return starts.map((start, at) => stdout.subarray(start, starts[at + 1] ?? stdout.length));
}
