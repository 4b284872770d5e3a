/** What is kept about a chat's changes outside the repository: `changes/<chat>/<working tree>` in the data directory. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyIndex } from './working-tree.ts';
import { type Repository, stamp } from './repository.ts';

export interface Kept {
  /** What is kept about one working tree. */
  folder: string;
  /** Where the chat's snapshots are. */
  commonDirectory: string;
}

const rootOf = (dataDir: string): string => join(dataDir, 'changes');
export const folderOf = (dataDir: string, chatId: string): string => join(rootOf(dataDir), chatId);

/** The folder for this working tree, which is created if need be; the data directory is not. */
export async function openFolder(dataDir: string, chatId: string, repository: Repository): Promise<string> {
  const name = createHash('sha256').update(repository.top).digest('hex').slice(0, 16);
  const folder = join(folderOf(dataDir, chatId), name);
  const isThere = (await stat(join(folder, 'kept.json')).catch(() => null)) !== null;
  if (isThere) return folder;
  await mkdir(rootOf(dataDir), { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const kept: Omit<Kept, 'folder'> = { commonDirectory: repository.commonDirectory };
  await writeFile(join(folder, 'kept.json'), JSON.stringify(kept));
  return folder;
}

/** All repositories in which the chat may have snapshots. */
export async function keptOf(dataDir: string, chatId: string): Promise<Kept[]> {
  const own = folderOf(dataDir, chatId);
  const names = await readdir(own).catch(() => []);
  const found = await Promise.all(
    names.map(async (name): Promise<Kept[]> => {
      const folder = join(own, name);
      const text = await readFile(join(folder, 'kept.json'), 'utf8').catch(() => null);
      return text === null ? [] : [{ ...(JSON.parse(text) as Omit<Kept, 'folder'>), folder }];
    }),
  );
  return found.flat();
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Chats of which something is kept, and nothing was written for that long. */
export async function chatsWithFolders(dataDir: string, idleMs: number): Promise<string[]> {
  const names = (await readdir(rootOf(dataDir)).catch(() => [])).filter((name) => uuid.test(name));
  const before = Date.now() - idleMs;
  const isIdle = await Promise.all(
    names.map(async (chatId) => {
      const own = folderOf(dataDir, chatId);
      const paths = [own, ...(await readdir(own).catch(() => [])).map((name) => join(own, name))];
      const times = await Promise.all(paths.map((path) => stat(path).catch(() => null)));
      return times.every((each) => each === null || each.mtimeMs <= before);
    }),
  );
  return names.filter((_, at) => isIdle[at]);
}

/** For lists and diffs, or to see whether anything changes. */
export type ViewName = 'view' | 'watch';

/**
 * The part of the folder in which the working tree is read for clients: with an index of its own that begins as that of the
 * last snapshot, and with the objects that this writes, so that reading leaves nothing in the repository.
 */
export async function openView(folder: string, { name, isWorn }: { name: ViewName; isWorn: boolean }): Promise<string> {
  const view = join(folder, name);
  const index = join(folder, 'index');
  const now = await stat(index, { bigint: true }).catch(() => null);
  const mark = now ? stamp(now) : 'none';
  const markPath = join(view, 'of');
  if (!isWorn && (await readFile(markPath, 'utf8').catch(() => null)) === mark) return view;
  await rm(view, { recursive: true, force: true });
  await mkdir(view, { mode: 0o700 });
  if (now) {
    await copyIndex(index, join(view, 'index'));
    const from = await readFile(`${index}.from`, 'utf8').catch(() => '');
    await writeFile(join(view, 'index.from'), from);
  }
  await writeFile(markPath, mark);
  return view;
}

/** The part of the folder from which the person's own index and objects are written. */
export async function openHand(folder: string): Promise<string> {
  const hand = join(folder, 'hand');
  await mkdir(hand, { recursive: true, mode: 0o700 });
  return hand;
}
