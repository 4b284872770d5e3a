/**
 * Makes the files of a working tree what they were. Each is complete when it appears under its name. What was there is moved
 * aside first and looked at again, so that nothing is lost that has been written meanwhile.
 */
import type { BigIntStats } from 'node:fs';
import {
  chmod,
  constants,
  copyFile,
  link,
  lstat,
  mkdir,
  readlink,
  rename,
  rm,
  rmdir,
  stat,
  symlink,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { KeptFile, KeptReason } from '../../protocol/rewind.ts';
import type { Entry } from './compare-trees.ts';
import { keyOf } from './named-files.ts';
import { shownPath } from './paths.ts';
import type { RewindPlan } from './plan-rewind.ts';
import type { PrivateGit } from './private-git.ts';
import { type InFolder, TreeFolder } from './tree-folder.ts';

/** What was in the place of each file when that was recorded; null if nothing was, or a directory. */
export type Seen = ReadonlyMap<string, BigIntStats | null>;

/** The mode of a file is that of what is in its place, or else of what is made ready. */
export const sameMode = 'same';

/** A file, and what it is to be: modes as git has them, or `sameMode`. */
export type Place = Pick<Entry, 'path' | 'modes'>;

const stagePrefix = 'boocode-rewind-';
const maxBeside = 100;

export interface Restored {
  changed: number;
  kept: KeptFile[];
}

export async function lookAtFiles(
  top: string,
  { writes, removals }: { writes: readonly Place[]; removals: readonly Place[] },
): Promise<Seen> {
  const folder = new TreeFolder(top);
  const seen = new Map<string, BigIntStats | null>();
  for (const { path } of [...writes, ...removals]) {
    const found = await folder.at(path, look);
    seen.set(keyOf(path), found?.isDirectory() === true ? null : found);
  }
  return seen;
}

const look = ({ path }: InFolder): Promise<BigIntStats | null> => lstat(path, { bigint: true }).catch(() => null);

export interface Restoring {
  plan: RewindPlan;
  seen: Seen;
  /** Names the folder in the git directory in which files are made ready. */
  chatId: string;
  /** Agents work here: it stays, also if it is empty. */
  directory: string;
}

export async function restoreFiles(git: PrivateGit, { plan, seen, chatId, directory }: Restoring): Promise<Restored> {
  const { top, gitDirectory } = git.repository;
  // What attributes say decides how the others are written.
  const first = plan.writes.filter(({ path }) => /(^|\/)\.gitattributes$/.test(keyOf(path)));
  return replaceFiles({
    top,
    besides: gitDirectory,
    seen,
    chatId,
    directory,
    removals: plan.removals,
    batches: [first, plan.writes.filter((entry) => !first.includes(entry))],
    async makeReady(batch, stage) {
      const input = Buffer.concat(batch.flatMap(({ path }) => [path, Buffer.of(0)]));
      await git.run(['checkout-index', '-z', '--stdin', '-q', `--prefix=${stage}/`], { index: plan.index, input });
    },
  });
}

export interface Replacing extends Omit<Restoring, 'plan'> {
  top: string;
  /** Another directory, in which files are made ready if it is on the file system of the top. */
  besides: string;
  removals: readonly Place[];
  /** Written one after the other. */
  batches: readonly (readonly Place[])[];
  /** Puts these files below a directory, under their paths. */
  readonly makeReady: (batch: readonly Place[], stage: string) => Promise<void>;
}

export async function replaceFiles(replacing: Replacing): Promise<Restored> {
  const { top, besides, removals, batches, seen, chatId, directory, makeReady } = replacing;
  // On the file system of the files, so that they only have to be moved.
  const devices = await Promise.all([top, besides].map(async (path) => (await stat(path)).dev));
  const stage = join(devices[0] === devices[1] ? besides : top, `${stagePrefix}${chatId}`);
  await rm(stage, { recursive: true, force: true });
  await mkdir(join(stage, 'old'), { recursive: true, mode: 0o700 });
  const restorer = new Restorer(new TreeFolder(top), stage, seen);
  try {
    for (const { path } of removals) await restorer.remove(path);
    await restorer.tidy(removals, Buffer.from(`${directory}/`), Buffer.from(`${top}/`));
    for (const batch of batches) {
      if (batch.length > 0) await makeReady(batch, join(stage, 'new'));
      for (const place of batch) await restorer.write(place);
    }
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
  return { changed: restorer.changed, kept: restorer.kept };
}

class Restorer {
  changed = 0;
  readonly kept: KeptFile[] = [];
  readonly #folder: TreeFolder;
  readonly #stage: string;
  readonly #seen: Seen;
  #count = 0;

  constructor(folder: TreeFolder, stage: string, seen: Seen) {
    this.#folder = folder;
    this.#stage = stage;
    this.#seen = seen;
  }

  remove(path: Buffer): Promise<void> {
    return this.#change(path, async () => {
      const moved = await this.#folder.at(path, (at) => this.#moveAside(path, at));
      return typeof moved === 'string' ? moved : null;
    });
  }

  write({ path, modes }: Place): Promise<void> {
    return this.#change(path, async () => {
      const staged = Buffer.concat([Buffer.from(`${this.#stage}/new/`), path]);
      const before = this.#seen.get(keyOf(path));
      if (before?.isFile() && modes[1] !== '120000') await chmod(staged, modeLike(before, modes[1]));
      const place = async (at: InFolder): Promise<KeptReason | null> => {
        // Nothing is left in the directory that was here.
        await rmdir(at.path).catch(() => undefined);
        const old = await this.#moveAside(path, at);
        if (typeof old === 'string') return old;
        try {
          return (await putInPlace(staged, at.path)) ? null : 'in_the_way';
        } catch (error) {
          if (old) await giveBack(old, at.path);
          throw error;
        }
      };
      const reason = await this.#folder.at(path, async (at) => ({ is: await place(at) }), { creates: true });
      return reason ? reason.is : 'in_the_way';
    });
  }

  /** Removes directories that have become empty. */
  async tidy(removals: readonly Place[], ...stay: Buffer[]): Promise<void> {
    const emptied = new Map<string, Buffer>();
    for (const { path } of removals) {
      for (let end = path.lastIndexOf(0x2f); end > 0; end = path.lastIndexOf(0x2f, end - 1)) {
        const parent = path.subarray(0, end);
        emptied.set(keyOf(parent), parent);
      }
    }
    const [directory, top] = stay;
    for (const path of [...emptied.values()].toSorted((one, other) => other.length - one.length)) {
      const full = Buffer.concat([top!, path, Buffer.of(0x2f)]);
      if (directory!.subarray(0, full.length).equals(full)) continue;
      await this.#folder.at(path, (at) => rmdir(at.path)).catch(() => undefined);
    }
  }

  async #change(path: Buffer, change: () => Promise<KeptReason | null>): Promise<void> {
    // Other files can still be restored, and what could not is told.
    const reason = await change().catch((): KeptReason => 'failed');
    if (reason === null) this.changed += 1;
    else this.kept.push({ ...shownPath(path), reason });
  }

  /** Where it is now; null if nothing was there. Or else why it stays. */
  async #moveAside(path: Buffer, { path: from }: InFolder): Promise<Buffer | null | KeptReason> {
    const before = this.#seen.get(keyOf(path)) ?? null;
    const now = await lstat(from, { bigint: true }).catch(() => null);
    if (now === null) return before === null ? null : 'changed';
    if (now.isDirectory()) return 'in_the_way';
    if (before === null || !isSame(before, now)) return 'changed';
    const to = Buffer.from(join(this.#stage, 'old', String((this.#count += 1))));
    await rename(from, to);
    // It may have been written in this very moment.
    if (isSame(before, await lstat(to, { bigint: true }))) return to;
    await giveBack(to, from);
    return 'changed';
  }
}

/** Beside its place if something else is there by now, so that it is not lost. */
async function giveBack(aside: Buffer, path: Buffer): Promise<void> {
  for (let count = 0; count <= maxBeside; count += 1) {
    const to = count === 0 ? path : Buffer.concat([path, Buffer.from(`~before-rewind${count === 1 ? '' : count}`)]);
    if (await putInPlace(aside, to)) return;
  }
  throw new Error('Something is in its place');
}

const isSame = (one: BigIntStats, other: BigIntStats): boolean =>
  one.ino === other.ino && one.size === other.size && one.mtimeNs === other.mtimeNs && one.mode === other.mode;

/** Who may read the file stays as it is. */
function modeLike({ mode }: BigIntStats, gitMode: string): number {
  if (gitMode === sameMode) return Number(mode & 0o7777n);
  const access = Number(mode & 0o777n);
  return gitMode === '100755' ? access | ((access & 0o444) >> 2) : access & ~0o111;
}

/** False if something is there. */
async function putInPlace(staged: Buffer, path: Buffer): Promise<boolean> {
  try {
    if ((await lstat(staged)).isSymbolicLink()) await symlink(await readlink(staged, { encoding: 'buffer' }), path);
    else {
      await link(staged, path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') throw error;
        // Another file system is mounted here, or this one has no hard links.
        return copyFile(staged, path, constants.COPYFILE_EXCL);
      });
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
