/**
 * Files that were written in the same second as the person's index. Git takes none of these for unchanged by its time alone
 * and compares what is in it, which is of no use where a filter stores something else and is not to run. But the index has
 * times to the nanosecond, which tell.
 */
import { type BigIntStats } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { keyOf } from './named-files.ts';
import type { PrivateGit } from './private-git.ts';
import { stamp } from './repository.ts';

const second = 1_000_000_000n;
/** File systems tell times apart that are further apart than this. */
const margin = 20_000_000n;

/** Which of these tracked files are, as `keyOf` names them, exactly as the person's index has them. */
export async function unchangedInIndex(git: PrivateGit, paths: readonly Buffer[]): Promise<Set<string>> {
  const { top, gitDirectory, hasFilters } = git.repository;
  const index = join(gitDirectory, 'index');
  const written = await stat(index, { bigint: true }).catch(() => null);
  if (!hasFilters || !written) return new Set();
  const racy = new Map<string, string>();
  for (const path of paths) {
    const file = await lstat(Buffer.concat([Buffer.from(`${top}/`), path]), { bigint: true }).catch(() => null);
    if (file?.isFile() && isRacy(file, written)) racy.set(keyOf(path), timesOf(file));
  }
  if (racy.size === 0) return new Set();
  // Not that of a split index.
  const listed = await git.run(['ls-files', '-z', '--debug'], { index }).catch(() => null);
  const after = await stat(index, { bigint: true }).catch(() => null);
  if (!listed || listed.isCut || !after || stamp(after) !== stamp(written)) return new Set();
  const times = timesIn(listed.stdout);
  return new Set([...racy].filter(([key, own]) => times.get(key) === own).map(([key]) => key));
}

const isRacy = ({ mtimeNs, ctimeNs }: BigIntStats, index: BigIntStats): boolean =>
  mtimeNs / second === index.mtimeNs / second && mtimeNs + margin < index.mtimeNs && ctimeNs + margin < index.mtimeNs;

const timesOf = ({ ctimeNs, mtimeNs, size }: BigIntStats): string =>
  [ctimeNs / second, ctimeNs % second, mtimeNs / second, mtimeNs % second, size].join(':');

/** After each path, which a NUL ends, are five lines about it. */
function timesIn(output: Buffer): Map<string, string> {
  const times = new Map<string, string>();
  for (let at = 0; at < output.length;) {
    const end = output.indexOf(0, at);
    if (end < 0) break;
    let next = end + 1;
    for (let line = 0; line < 5 && next > 0; line += 1) next = output.indexOf(0x0a, next) + 1;
    if (next === 0) break;
    const about = /ctime: (\d+:\d+)\n\s*mtime: (\d+:\d+)\n[^]*size: (\d+)/.exec(
      output.toString('latin1', end + 1, next),
    );
    if (about) times.set(keyOf(output.subarray(at, end)), about.slice(1).join(':'));
    at = next;
  }
  return times;
}
