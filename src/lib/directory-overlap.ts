import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

export type Overlap = 'is' | 'holds' | 'lies in';

/**
 * How a directory lies to another one; null where they are apart. They are told by device and inode and not by name, all
 * the way up, so that links, a second mount and a file system that ignores case do not hide one. What cannot be seen from
 * their paths is a mount of the other one further down in the first. Null also where one does not exist.
 */
export async function overlapOf(directory: string, other: string): Promise<Overlap | null> {
  const [own, others] = [await lineage(directory), await lineage(other)];
  if (!own || !others) return null;
  if (own[0] === others[0]) return 'is';
  if (others.includes(own[0] ?? '')) return 'holds';
  return own.includes(others[0] ?? '') ? 'lies in' : null;
}

/** The identities of a directory and of all above it. */
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
