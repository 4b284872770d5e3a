/** What was discarded: `undo/<id>` in the folder of the chat's working tree, which goes with the chat. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeOldest } from '../../lib/remove-oldest.ts';
import type { FileState } from './file-state.ts';

/** A file that was discarded. */
export interface Discarded {
  path: Buffer;
  before: FileState;
  /** What was put there: `digestOf` it. */
  after: string;
  /** Of the person's index, if that was changed as well: `<mode> <object>`, null without one. */
  index?: { before: string | null; after: string | null };
}

interface Stored {
  files: {
    path: string;
    is: FileState['is'];
    mode?: number;
    content?: string;
    after: string;
    index?: Discarded['index'];
  }[];
}

const maxKept = 200;

/** It is on the disk before anything is discarded. */
export async function keepDiscarded(folder: string, files: readonly Discarded[]): Promise<string> {
  const all = join(folder, 'undo');
  await mkdir(all, { recursive: true, mode: 0o700 });
  const id = randomUUID();
  const beside = join(all, `${id}.new`);
  await mkdir(beside, { mode: 0o700 });
  const stored: Stored = { files: [] };
  for (const [at, { path, before, after, index }] of files.entries()) {
    const content = before.is === 'absent' ? null : before.is === 'link' ? before.target : before.content;
    if (content) await writeFile(join(beside, String(at)), content, { mode: 0o600, flush: true });
    stored.files.push({
      path: path.toString('base64url'),
      is: before.is,
      ...(before.is === 'file' && { mode: before.mode }),
      ...(content && { content: String(at) }),
      after,
      ...(index && { index }),
    });
  }
  await writeFile(join(beside, 'files.json'), JSON.stringify(stored), { mode: 0o600, flush: true });
  await rename(beside, join(all, id));
  await removeOldest(all, maxKept);
  return id;
}

/** Null if it is not kept, or not any more. */
export async function findDiscarded(folder: string, id: string): Promise<Discarded[] | null> {
  const own = join(folder, 'undo', id);
  const text = await readFile(join(own, 'files.json'), 'utf8').catch(() => null);
  if (text === null) return null;
  const { files } = JSON.parse(text) as Stored;
  return Promise.all(
    files.map(async ({ path, is, mode = 0o644, content, after, index }) => {
      const bytes = content === undefined ? Buffer.alloc(0) : await readFile(join(own, content));
      const before: FileState =
        is === 'absent' ? { is } : is === 'link' ? { is, target: bytes } : { is, mode, content: bytes };
      return { path: Buffer.from(path, 'base64url'), before, after, ...(index && { index }) };
    }),
  );
}

export async function dropDiscarded(folder: string, id: string): Promise<void> {
  await rm(join(folder, 'undo', id), { recursive: true, force: true });
}
