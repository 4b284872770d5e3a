import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';

export interface Size {
  bytes: number;
  lastUsedMs: number;
}

const maxEntries = 300_000;

/** What a directory takes on the disk, and when something in it was last changed; null if it is not there, or holds too much. */
export async function measure(path: string): Promise<Size | null> {
  const size: Size = { bytes: 0, lastUsedMs: 0 };
  let left = maxEntries;
  const walk = async (directory: string): Promise<void> => {
    for await (const entry of await opendir(directory)) {
      if ((left -= 1) < 0) throw new Error('too many');
      const own = join(directory, entry.name);
      const found = await lstat(own);
      size.bytes += found.blocks * 512;
      size.lastUsedMs = Math.max(size.lastUsedMs, found.mtimeMs);
      if (entry.isDirectory()) await walk(own);
    }
  };
  try {
    await walk(path);
    return size;
  } catch {
    return null;
  }
}
