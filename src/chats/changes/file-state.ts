/** A file as it is on the disk, byte for byte, so that it can be given back exactly. */
import { createHash, randomBytes } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { chmod, lstat, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { refused } from './refused.ts';
import { stamp } from './repository.ts';
import { TreeFolder } from './tree-folder.ts';

export type FileState =
  { is: 'absent' } | { is: 'link'; target: Buffer } | { is: 'file'; mode: number; content: Buffer };

/** A file, and what it was. */
export interface FileThen {
  /** Relative to the directory. Absolute: it is elsewhere, and stays. */
  path: Buffer;
  /** Read when it is needed, since it may be large. Null if it is not known. */
  readonly state: () => Promise<FileState | null>;
}

export interface FilesThen {
  takenAt: Date;
  files: readonly FileThen[];
}

const slash = Buffer.from('/');
const within = (top: string, path: Buffer): Buffer => Buffer.concat([Buffer.from(top), slash, path]);

/** Throws `change_refused` if it is neither a file nor a link nor absent. */
export async function readState(top: string, path: Buffer, maxBytes: number): Promise<FileState> {
  await assertDirectories(top, path);
  const state = await new TreeFolder(top).at(path, async ({ path: full }): Promise<FileState | null> => {
    const found = await lstat(full).catch(() => null);
    if (!found) return null;
    if (found.isSymbolicLink()) return { is: 'link', target: await readlink(full, { encoding: 'buffer' }) };
    if (!found.isFile()) throw impossible(path, 'is neither a file nor a link');
    if (found.size > maxBytes) throw impossible(path, `is larger than ${maxBytes / 1024 / 1024} MB`);
    return { is: 'file', mode: found.mode & 0o7777, content: await readFile(full) };
  });
  return state ?? { is: 'absent' };
}

export const impossible = (path: Buffer, why: string): Error =>
  refused('not_possible', `${path.toString('utf8')} ${why}.`);

/** Whether anybody has written it can be told from this. */
export async function stampOf(top: string, path: Buffer): Promise<string> {
  const found: BigIntStats | null = await lstat(within(top, path), { bigint: true }).catch(() => null);
  return found ? `${stamp(found)}:${found.mode}:${found.ctimeNs}` : 'absent';
}

/** A path leads through directories only: never through a link, out of the working tree. */
async function assertDirectories(top: string, path: Buffer): Promise<void> {
  for (let end = path.indexOf(0x2f); end >= 0; end = path.indexOf(0x2f, end + 1)) {
    const found = await lstat(within(top, path.subarray(0, end))).catch(() => null);
    if (found && !found.isDirectory()) throw impossible(path.subarray(0, end), 'is no directory any more');
  }
}

/** Puts it there in one step, unless somebody has written there since it was looked at. */
export async function writeState(top: string, path: Buffer, state: FileState, since: string): Promise<void> {
  await assertDirectories(top, path);
  const folder = new TreeFolder(top);
  if (state.is === 'absent') {
    await assertSince(top, path, since);
    await folder.at(path, ({ path: full }) => rm(full, { force: true }));
    return;
  }
  const put = async ({ path: full }: { path: Buffer }): Promise<true> => {
    const beside = Buffer.concat([
      full.subarray(0, full.lastIndexOf(slash) + 1),
      Buffer.from(`.boocode-${randomBytes(6).toString('hex')}`),
    ]);
    let isThere = false;
    try {
      if (state.is === 'link') await symlink(state.target, beside);
      else await writeFile(beside, state.content, { flag: 'wx', mode: state.mode & 0o777 });
      isThere = true;
      if (state.is === 'file') await chmod(beside, state.mode & 0o7777);
      await assertSince(top, path, since);
      await rename(beside, full);
    } catch (error) {
      if (isThere) await rm(beside, { force: true });
      throw error;
    }
    return true;
  };
  if (!(await folder.at(path, put, { creates: true }))) throw impossible(path, 'cannot be reached any more');
}

async function assertSince(top: string, path: Buffer, since: string): Promise<void> {
  if ((await stampOf(top, path)) !== since) throw changedSince(path);
}

export const changedSince = (path: Buffer): Error =>
  refused('changed_since', `${path.toString('utf8')} has changed since: nothing was touched.`);

/** Equal for what is the same. */
export function digestOf(state: FileState): string {
  if (state.is === 'absent') return 'absent';
  const [kind, content] = state.is === 'link' ? ['link', state.target] : [`file:${state.mode}`, state.content];
  return `${kind}:${createHash('sha256').update(content).digest('hex')}`;
}
