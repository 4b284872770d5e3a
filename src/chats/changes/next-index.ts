/** The person's index as it is to be, prepared beside it under git's own lock: it takes its place only if that is right. */
import { constants } from 'node:fs';
import { copyFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { readHead } from './snapshot-refs.ts';
import { type Hand, indexLocked, refusalOf } from './hand.ts';

/**
 * The task changes an index that begins as a copy of the person's, as `git commit --all` does: nobody else can write theirs
 * meanwhile. If it fails the person's is as it was, unless HEAD has moved, because then there is a commit of the other one.
 */
export async function withNextIndex<T>(hand: Hand, task: (index: string) => Promise<T>): Promise<T> {
  const next = `${hand.index}.lock`;
  await begin(hand, next);
  let isMade = false;
  const head = await headOf(hand);
  try {
    const made = await task(next);
    isMade = true;
    return made;
  } finally {
    await rm(`${next}.lock`, { force: true });
    const now = isMade ? undefined : await headOf(hand);
    if (isMade || (now !== undefined && now !== head)) await rename(next, hand.index);
    else await rm(next, { force: true });
  }
}

async function begin(hand: Hand, next: string): Promise<void> {
  try {
    const found = await stat(hand.index).catch(() => null);
    if (found) {
      await copyFile(hand.index, next, constants.COPYFILE_EXCL);
      // Its time says which files may have changed since without being noticed.
      const seconds = Math.floor(found.mtimeMs / 1_000);
      await utimes(next, seconds, seconds);
    } else {
      await writeFile(next, '', { flag: 'wx' });
      await hand.own.run(['read-tree', '--empty'], { index: next });
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw indexLocked();
    await rm(next, { force: true });
    throw refusalOf(String(error), error);
  }
}

/** Undefined if that cannot be told. */
const headOf = (hand: Hand): Promise<string | null | undefined> =>
  readHead(hand.repository, hand.env).catch(() => undefined);
