/** What files were before a rewind without a repository: `edits/<rewind>` in the chat's folder, which goes with the chat. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeOldest } from '../../lib/remove-oldest.ts';
import type { FilesThen, FileState } from './file-state.ts';

interface Stored {
  takenAt: string;
  /** The directory that the files are in, its real path. */
  root: string;
  files: { path: string; is: FileState['is']; mode?: number }[];
}

/** Rewinds of one chat; older ones can no longer be undone. */
const maxRewinds = 50;

/** All of it is on the disk once this resolves, or nothing. The files are read one after the other. */
export async function keepPresent<T extends { path: Buffer }>(
  folder: string,
  { rewindId, root }: { rewindId: string; root: string },
  files: readonly T[],
  read: (file: T) => Promise<FileState>,
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const beside = join(folder, `${rewindId}.new`);
  await rm(beside, { recursive: true, force: true });
  await mkdir(beside, { mode: 0o700 });
  const stored: Stored = { takenAt: new Date().toISOString(), root, files: [] };
  try {
    for (const [at, file] of files.entries()) {
      const state = await read(file);
      if (state.is !== 'absent') {
        const content = state.is === 'link' ? state.target : state.content;
        await writeFile(join(beside, String(at)), content, { mode: 0o600, flush: true });
      }
      const { is } = state;
      stored.files.push({ path: file.path.toString('base64url'), is, ...(is === 'file' && { mode: state.mode }) });
    }
    await writeFile(join(beside, 'files.json'), JSON.stringify(stored), { mode: 0o600, flush: true });
    await rename(beside, join(folder, rewindId));
  } catch (error) {
    await rm(beside, { recursive: true, force: true });
    throw error;
  }
  await removeOldest(folder, maxRewinds);
}

/** Null if nothing is kept under this id, or not any more. */
export async function findPresent(folder: string, rewindId: string): Promise<(FilesThen & { root: string }) | null> {
  const own = join(folder, rewindId);
  const text = await readFile(join(own, 'files.json'), 'utf8').catch(() => null);
  if (text === null) return null;
  const { takenAt, root, files } = JSON.parse(text) as Stored;
  return {
    root,
    takenAt: new Date(takenAt),
    files: files.map(({ path, is, mode = 0o600 }, at) => ({
      path: Buffer.from(path, 'base64url'),
      async state(): Promise<FileState | null> {
        if (is === 'absent') return { is };
        const content = await readFile(join(own, String(at))).catch(() => null);
        if (!content) return null;
        return is === 'link' ? { is, target: content } : { is, mode, content };
      },
    })),
  };
}
