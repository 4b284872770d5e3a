/**
 * A chat's files, as they were before a turn or a rewind: from the snapshots of their repository, which know every file, or
 * where there was none from the backups that the agent itself keeps of what it edits.
 */
import { lstat, realpath } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentDirectory, EditedFile, FileHistory } from '../agents/agent.ts';
import type { ChangesProblem } from '../protocol/changes.ts';
import { BooError } from '../protocol/error.ts';
import { readSideFile } from '../store/chat-side-files.ts';
import type { ChatRow } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { findMessageOfTurn, hasMovedSince, readEntriesOfTypes, readQuietMs } from '../store/edit-history.ts';
import { changingChat } from './changes/changing-chat.ts';
import { folderOf } from './changes/chat-folder.ts';
import { describeEdits, type EditedFilesView, editsFolder, rewindEdits } from './changes/edited-files.ts';
import type { FilesThen, FileThen } from './changes/file-state.ts';
import { findPresent } from './changes/kept-edits.ts';
import { dotGitOf } from './changes/repository.ts';
import type { FilesPlan, FilesRewinding, FilesRewound, RewindTarget } from './changes/rewind-files.ts';
import { unavailable } from './changes/unavailable.ts';
import { maxFileBytes } from './changes/working-tree.ts';
import { ask } from './storage.ts';
import type { Workspaces } from './workspaces/workspaces.ts';

interface Parts {
  readonly sql: Sql;
  readonly agents: AgentDirectory;
  readonly workspaces: Workspaces;
}

type Row = Pick<ChatRow, 'id' | 'cwd' | 'agentDirectory' | 'agent' | 'workspace'>;

/** What a turn has recorded may be stored a moment after its end. */
const [tries, waitMs] = [8, 250];

/** Throws `changes_unavailable`. */
export function describeChatFiles(parts: Parts, row: Row, target: RewindTarget): Promise<FilesPlan> {
  return inEither(parts, row, target, {
    repository: () => parts.workspaces.changes.describeRewind(changingChat(row), target),
    edits: describeEdits,
  });
}

/** Between turns. Throws `changes_unavailable`; `files_changed` if the files are not as they were shown. */
export function rewindChatFiles(
  parts: Parts,
  row: Row,
  rewinding: Omit<FilesRewinding, 'directory'>,
): Promise<FilesRewound> {
  const folder = editsOf(parts, row);
  return inEither(parts, row, rewinding.target, {
    repository: () => parts.workspaces.changes.rewindFiles(changingChat(row), rewinding),
    edits: (view) => rewindEdits(view, { ...rewinding, chatId: row.id, folder }),
  });
}

const editsOf = ({ workspaces }: Parts, { id }: Row): string => editsFolder(folderOf(workspaces.dataDir, id));

interface Ways<T> {
  readonly repository: () => Promise<T>;
  readonly edits: (view: EditedFilesView) => Promise<T>;
}

async function inEither<T>(parts: Parts, row: Row, target: RewindTarget, ways: Ways<T>): Promise<T> {
  const kept = 'rewindId' in target ? await findPresent(editsOf(parts, row), target.rewindId) : null;
  if (kept) {
    if (kept.root !== (await realpath(row.cwd).catch(() => null)))
      throw unavailable(
        'no_snapshot',
        `Those files are in ${kept.root}: move the chat back there to undo that rewind.`,
      );
    // Its own writes are later than the last turn, too.
    return ways.edits({ ...(await viewOf(parts, row, kept)), quietSince: null });
  }
  try {
    return await ways.repository();
  } catch (error) {
    // Whatever keeps a state of the files that was recorded from being read, a lesser one does not take its place.
    if (!('turnId' in target) || !isWithoutSnapshot(error)) throw error;
    const past = await findEdits(parts, row, target.turnId);
    if (!past || !(await wasWithoutRepository(row, past.takenAt))) throw error;
    return await ways.edits(await viewOf(parts, row, past));
  }
}

/**
 * There is none, or it was made here since. One with a remote may be a clone of what the agent worked in, and a linked working
 * tree has been made for another chat: their files are not those of that time.
 */
async function wasWithoutRepository({ cwd, workspace }: Row, takenAt: Date): Promise<boolean> {
  const own = await dotGitOf(await realpath(cwd));
  if (own === null) return true;
  const found = await lstat(own);
  return found.isDirectory() && (workspace?.remote ?? null) === null && found.birthtimeMs > takenAt.getTime();
}

const without: readonly unknown[] = ['no_repository', 'no_snapshot'] satisfies ChangesProblem[];

function isWithoutSnapshot(error: unknown): boolean {
  return (
    error instanceof BooError && error.code === 'changes_unavailable' && without.includes(error.details?.['reason'])
  );
}

async function viewOf({ sql }: Parts, { id, cwd }: Row, past: FilesThen): Promise<EditedFilesView> {
  return { directory: cwd, past, maxFileBytes, quietSince: await readQuietSince(sql, id) };
}

/**
 * By this machine's clock, like the times of files, and never later than it was: what was written right after that would seem
 * to be older. So the time that the question took is left out, and a slow answer is asked for again.
 */
async function readQuietSince(sql: Sql, id: string): Promise<Date | null> {
  let sinceMs = -Infinity;
  for (let left = 3; left > 0; left -= 1) {
    const askedMs = Date.now();
    const quietMs = await ask(() => readQuietMs(sql, id));
    if (quietMs === null) return null;
    sinceMs = Math.max(sinceMs, askedMs - quietMs);
    if (Date.now() - askedMs < 5) break;
  }
  return new Date(sinceMs);
}

/** Null if the agent has recorded nothing of that time. */
async function findEdits({ sql, agents }: Parts, { id, cwd, agent }: Row, turnId: string): Promise<FilesThen | null> {
  const history = agents.agentFor(agent).fileHistory;
  if (!history) return null;
  for (let left = tries; ; left -= 1) {
    const entries = await ask(() => readEntriesOfTypes(sql, id, history.types));
    const messages = history.messagesIn(entries);
    const message = await ask(() => findMessageOfTurn(sql, id, turnId, messages));
    const found = message && history.filesBefore(entries, message);
    if (found) {
      if (await ask(() => hasMovedSince(sql, id, turnId)))
        throw unavailable('no_snapshot', `The chat has been moved since: its files of that time are not in ${cwd}.`);
      const { takenAt, files } = found;
      return {
        takenAt,
        files: files.map((file) => fileThen(file, history, (key) => ask(() => readSideFile(sql, id, key)))),
      };
    }
    const quietMs = await ask(() => readQuietMs(sql, id));
    if (left === 0 || quietMs === null || quietMs > tries * waitMs) return null;
    await sleep(waitMs);
  }
}

/** A stored copy does not say who may read the file. */
const unknownMode = 0o600;

function fileThen(
  { path, was }: EditedFile,
  history: FileHistory,
  stored: Parameters<FileHistory['readBackup']>[1],
): FileThen {
  return {
    path: Buffer.from(path),
    async state() {
      if (was === 'unknown') return null;
      if (was === 'absent') return { is: 'absent' };
      const backup = await history.readBackup(was, stored);
      return backup && { is: 'file', mode: backup.mode ?? unknownMode, content: backup.content };
    },
  };
}
