import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

export type Overlap = 'is' | 'holds' | 'lies in';

/**
 * How one directory relates to another; null if they are separate or one does not exist. Directories are compared by
 * device and inode all the way up, not by name, so links, second mounts and case-insensitive file systems cannot hide
 * an overlap. A mount of the second directory below the first is not detected.
 */
export async function overlapOf(directory: string, other: string): Promise<Overlap | null> {
  const [own, others] = [await lineage(directory), await lineage(other)];
  if (!own || !others) return null;
  if (own[0] === others[0]) return 'is';
  if (others.includes(own[0] ?? '')) return 'holds';
  return own.includes(others[0] ?? '') ? 'lies in' : null;
}

/** The identities of a directory and all its parents. */
async function lineage(directory: string): Promise<string[] | null> {
  let path: string;
  try {
    path = await realpath(directory);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(String((error as NodeJS.ErrnoException).code))) return null;
    throw error;
  }
  const identities: string[] = [];
  for (;;) {
    const { dev, ino } = await stat(path, { bigint: true });
    identities.push(`${dev}:${ino}`);
    if (dirname(path) === path) return identities;
    path = dirname(path);
  }
}
