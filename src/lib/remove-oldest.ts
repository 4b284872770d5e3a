import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Keeps as many entries of a folder, those that were changed last. */
export async function removeOldest(folder: string, kept: number): Promise<void> {
  const names = await readdir(folder);
  if (names.length <= kept) return;
  const times = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(folder, name)).catch(() => null))?.mtimeMs ?? 0 })),
  );
  const old = times.toSorted((one, other) => other.at - one.at).slice(kept);
  await Promise.all(old.map(({ name }) => rm(join(folder, name), { recursive: true, force: true })));
}
