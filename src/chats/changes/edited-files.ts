/**
 * Takes named files back to states of which only they are known, in any directory. What a file is now is kept first, beside
 * the chat's other files, so that it can be undone.
 */
import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { ChangedFile } from '../../protocol/changes.ts';
import { BooError } from '../../protocol/error.ts';
import type { KeptFile, KeptReason } from '../../protocol/rewind.ts';
import { noMode } from './compare-trees.ts';
import { digestOf, type FilesThen, type FileState, type FileThen, readState } from './file-state.ts';
import { countLines, isBinary } from './line-counts.ts';
import { keyOf } from './named-files.ts';
import { shownPath } from './paths.ts';
import { keepPresent } from './kept-edits.ts';
import { lookAtFiles, type Place, replaceFiles, sameMode } from './restore-files.ts';
import { type FilesPlan, type FilesRewound, outdated } from './rewind-files.ts';
import { TreeFolder } from './tree-folder.ts';

interface Change extends FileThen {
  now: string;
  place: Place;
}

interface Plan {
  told: FilesPlan;
  changes: Change[];
}

export interface EditedFilesView {
  /** The chat's directory. */
  directory: string;
  past: FilesThen;
  /** Whoever has written files since then was not the agent in a turn. Null if that cannot be told. */
  quietSince: Date | null;
  maxFileBytes: number;
}

const maxListed = 3_000;
const maxKept = 1_000;

export async function describeEdits(view: EditedFilesView): Promise<FilesPlan> {
  return (await planEdits(view)).told;
}

export interface EditsRewinding {
  rewindId: string;
  chatId: string;
  tree: string | undefined;
  /** Where what is on the disk now is kept. */
  folder: string;
  /** Called before anything changes, and not if nothing would. */
  readonly begin: (plan: FilesPlan) => Promise<void>;
}

export async function rewindEdits(view: EditedFilesView, rewinding: EditsRewinding): Promise<FilesRewound> {
  const { rewindId, chatId, tree, folder, begin } = rewinding;
  const { told, changes } = await planEdits(view);
  const { root } = told;
  if (tree !== undefined && tree !== told.tree) throw outdated();
  if (changes.length === 0) return { ...told, changed: 0 };
  const places = changes.map(({ place }) => place);
  const isRemoval = ({ modes }: Place): boolean => modes[1] === noMode;
  const [removals, writes] = [places.filter(isRemoval), places.filter((place) => !isRemoval(place))];
  const seen = await lookAtFiles(root, { removals, writes });
  const byPath = new Map(changes.map((change) => [keyOf(change.path), change]));
  await keepPresent(folder, { rewindId, root }, changes, async ({ path, now }) => {
    const state = await readState(root, path, view.maxFileBytes);
    // What was looked at is what is kept.
    if (digestOf(state) !== now) throw outdated();
    return state;
  });
  await begin(told);
  const { changed, kept } = await replaceFiles({
    top: root,
    besides: folder,
    seen,
    chatId,
    directory: root,
    removals,
    batches: writes.map((place) => [place]),
    makeReady: ([place], stage) => putInStage(stage, byPath.get(keyOf(place!.path))!),
  });
  // The rewind is done, whether or not all of it can be read once more.
  const after = await planEdits(view).catch(() => null);
  const all = [...told.kept, ...kept];
  return {
    ...told,
    kept: all.slice(0, maxKept),
    keptCount: told.keptCount + kept.length,
    tree: (after ?? { told }).told.tree,
    changed,
  };
}

/** What cannot be made ready is not there: then the file stays as it is. */
async function putInStage(stage: string, { path, state }: FileThen): Promise<void> {
  const staged = Buffer.concat([Buffer.from(`${stage}/`), path]);
  try {
    const was = await state();
    if (!was || was.is === 'absent') return;
    await mkdir(parentOf(staged), { recursive: true, mode: 0o700 });
    if (was.is === 'link') return await symlink(was.target, staged);
    await writeFile(staged, was.content, { flag: 'wx', mode: 0o600 });
    await chmod(staged, was.mode & 0o7777);
  } catch {
    await rm(staged, { force: true });
  }
}

const parentOf = (path: Buffer): Buffer => path.subarray(0, path.lastIndexOf(0x2f));

async function planEdits({ directory, past, quietSince, maxFileBytes }: EditedFilesView): Promise<Plan> {
  const root = await realpath(directory);
  const kept: KeptFile[] = [];
  const files: ChangedFile[] = [];
  const changes: Change[] = [];
  const writtenSince: string[] = [];
  const token = createHash('sha256');
  for (const file of past.files.toSorted((one, other) => Buffer.compare(one.path, other.path))) {
    const { path } = file;
    const keep = (reason: KeptReason): void => void kept.push({ ...shownPath(path), reason });
    if (leadsElsewhere(path)) {
      keep('elsewhere');
      continue;
    }
    const now = await stateNow(root, path, maxFileBytes);
    token.update(path).update(typeof now === 'string' ? `\0${now}\0` : `\0${digestOf(now)}\0`);
    if (typeof now === 'string') {
      keep(now);
      continue;
    }
    const was = await file.state();
    if (was === null) {
      keep('no_backup');
      continue;
    }
    const to = withModeOf(now, was);
    if (digestOf(to) === digestOf(now)) continue;
    changes.push({ ...file, now: digestOf(now), place: { path, modes: [modeOf(now), modeOf(to)] } });
    files.push(describeFile(path, now, to));
    if (quietSince !== null && (await isWrittenSince(root, path, quietSince))) writtenSince.push(shownPath(path).path);
  }
  return {
    changes,
    told: {
      root,
      takenAt: past.takenAt.toISOString(),
      tree: token.digest('hex'),
      covers: 'edits',
      files: files.slice(0, maxListed),
      count: files.length,
      isTruncated: files.length > maxListed,
      kept: kept.slice(0, maxKept),
      keptCount: kept.length,
      writtenSince: writtenSince.slice(0, maxKept),
      commits: 0,
    },
  };
}

/** Out of the directory, or into a git directory. */
function leadsElsewhere(path: Buffer): boolean {
  const text = path.toString('latin1');
  return isAbsolute(text) || text.split('/').some((part) => ['', '.', '..', '.git'].includes(part.toLowerCase()));
}

async function stateNow(root: string, path: Buffer, maxBytes: number): Promise<FileState | KeptReason> {
  try {
    return await readState(root, path, maxBytes);
  } catch (error) {
    if (!(error instanceof BooError)) return 'unreadable';
    const found = await new TreeFolder(root).at(path, (at) => lstat(at.path).catch(() => null));
    return found?.isFile() === true ? 'too_large' : 'in_the_way';
  }
}

/** Who may read, write and run a file stays: only its content is taken back. */
function withModeOf(now: FileState, was: FileState): FileState {
  return was.is === 'file' && now.is === 'file' ? { ...was, mode: now.mode } : was;
}

function modeOf(state: FileState): string {
  if (state.is === 'absent') return noMode;
  return state.is === 'link' ? '120000' : sameMode;
}

function describeFile(path: Buffer, now: FileState, to: FileState): ChangedFile {
  const contents = [now, to].map((state) =>
    state.is === 'absent' ? Buffer.alloc(0) : state.is === 'link' ? state.target : state.content,
  );
  const [before, after] = contents as [Buffer, Buffer];
  const binary = isBinary(before) || isBinary(after);
  const counts = binary ? null : countLines(before, after);
  const isOther = now.is !== 'absent' && to.is !== 'absent' && now.is !== to.is;
  return {
    ...shownPath(path),
    status: now.is === 'absent' ? 'added' : to.is === 'absent' ? 'deleted' : isOther ? 'type_changed' : 'modified',
    added: counts?.added ?? null,
    removed: counts?.removed ?? null,
    isBinary: binary,
    isSubmodule: false,
    content: to.is === 'absent' ? null : createHash('sha256').update(digestOf(to)).digest('hex'),
  };
}

async function isWrittenSince(root: string, path: Buffer, since: Date): Promise<boolean> {
  const found = await new TreeFolder(root).at(path, (at) => lstat(at.path).catch(() => null));
  return found !== null && found.ctimeMs > since.getTime();
}

/** What is kept about a chat's rewinds without a repository. */
export const editsFolder = (chatFolder: string): string => join(chatFolder, 'edits');
