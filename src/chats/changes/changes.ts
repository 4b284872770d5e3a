/**
 * What has changed in the working tree of a chat's directory. At the start of each turn a snapshot of it is taken, which
 * touches nothing of the person's: neither index, stash, HEAD, branches nor reflogs. A turn waits a bounded time for it, and
 * starts in any case: changes since that turn are then unavailable, with the reason.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createSerial, type Serial } from '../../lib/serial.ts';
import { within } from '../../lib/within.ts';
import type { ChangeDiff, ChangeList, DiffQuery, Since } from '../../protocol/changes.ts';
import { BooError, toBooError } from '../../protocol/error.ts';
import type { GitEnvironment } from '../workspaces/git.ts';
import { chatsWithFolders, folderOf, keptOf, openFolder, openView } from './chat-folder.ts';
import { type ChangingChat, workingDirectory } from './changing-chat.ts';
import * as rewinds from './rewind-files.ts';
import { listChanges, readDiff, type View } from './read-changes.ts';
import { readMissed } from './missed.ts';
import { PrivateGit } from './private-git.ts';
import { Repositories, type Repository } from './repository.ts';
import { findSnapshot, readHead, removeSnapshots, topOfSnapshot } from './snapshot-refs.ts';
import { takeSnapshot, type TurnStart } from './take-snapshot.ts';
import { unavailable } from './unavailable.ts';
import { readWorkingTree } from './working-tree.ts';

export interface ChangesOptions {
  dataDir: string;
  env: GitEnvironment;
  limits?: Partial<ChangesLimits>;
}

export interface ChangesLimits {
  /** How long a turn waits for its snapshot, and the first one, for which nothing is known yet. */
  waitMs: number;
  firstWaitMs: number;
  /** How long a snapshot may take in all. It goes on without a turn, so that the next one is quicker. */
  snapshotMs: number;
  /** How long clients wait. */
  readMs: number;
  /** How long a rewind of files may take. */
  rewindMs: number;
  /** Larger files are left out. */
  maxFileBytes: number;
}

const usual: ChangesLimits = {
  waitMs: 2_000,
  firstWaitMs: 5_000,
  snapshotMs: 60_000,
  readMs: 20_000,
  rewindMs: 10 * 60_000,
  maxFileBytes: 50 * 1024 * 1024,
};
const weekMs = 7 * 24 * 60 * 60_000;
/** After so many reads, what they have written is removed. */
const maxReads = 200;

interface Lanes {
  turns: Serial;
  reads: Serial;
  readCount: number;
  hasStart: Set<string>;
}

export class Changes {
  readonly #options: ChangesOptions;
  readonly #limits: ChangesLimits;
  readonly #repositories: Repositories;
  readonly #lanes = new Map<string, Lanes>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #stop = new AbortController();

  constructor(options: ChangesOptions) {
    this.#options = options;
    this.#limits = { ...usual, ...options.limits };
    this.#repositories = new Repositories(options.env);
  }

  /**
   * Takes a snapshot for a turn that starts now. Resolves once the files have been read, or after the limit; never rejects.
   * It is dropped if the turn is not stored.
   */
  atTurn(chat: ChangingChat, turnId: string, isStored: Promise<boolean>): Promise<void> {
    const { waitMs, firstWaitMs } = this.#limits;
    const limitMs = existsSync(folderOf(this.#options.dataDir, chat.id)) ? waitMs : firstWaitMs;
    return new Promise((resolve) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        resolve();
      }, limitMs);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const at = new Date();
      const stored = isStored.catch(() => false);
      const task = (): Promise<void> =>
        this.#snapshot(chat, { turnId, stored, at, onRead: done, late: () => (isLate ? limitMs : null) });
      this.#track(this.#lanesOf(chat.id).turns(task)).then(done, done);
    });
  }

  /** Reads the working tree for the first time, so that the first turn need not wait for that. Never rejects. */
  async prepare(chat: ChangingChat): Promise<void> {
    if (existsSync(folderOf(this.#options.dataDir, chat.id))) return;
    const task = async (): Promise<void> => {
      const { git } = await this.#open(chat);
      await this.#readTree(git);
    };
    await this.#track(this.#lanesOf(chat.id).turns(task)).catch(() => undefined);
  }

  /** Throws `changes_unavailable`. */
  list(chat: ChangingChat, since: Since): Promise<ChangeList> {
    return this.#read(chat, (view) => listChanges(view, chat.id, since));
  }

  /** Throws `changes_unavailable`. */
  diff(chat: ChangingChat, query: DiffQuery & { since: Since }): Promise<ChangeDiff> {
    return this.#read(chat, (view) => readDiff(view, chat.id, query));
  }

  /** What a rewind of files would change. Throws `changes_unavailable`. */
  async describeRewind(chat: ChangingChat, target: rewinds.RewindTarget): Promise<rewinds.FilesPlan> {
    const { env } = this.#options;
    const there = await this.#whereTaken(chat, target);
    return this.#read(there, (view) => rewinds.describeRewind({ ...view, env, chatId: chat.id }, target));
  }

  /** Between turns. Throws `changes_unavailable`; `files_changed` if the files are not as they were shown. */
  async rewindFiles(
    chat: ChangingChat,
    rewinding: Omit<rewinds.FilesRewinding, 'directory'>,
  ): Promise<rewinds.FilesRewound> {
    const { env } = this.#options;
    const directory = await workingDirectory(chat);
    const there = await this.#whereTaken(chat, rewinding.target);
    const task = async (): Promise<rewinds.FilesRewound> => {
      const { git, folder } = await this.#open(there, this.#limits.rewindMs);
      const view = { git, env, chatId: chat.id, missed: () => readMissed(folder), now: () => this.#readTree(git) };
      return rewinds.rewindFiles(view, { ...rewinding, directory });
    };
    return this.#track(this.#lanesOf(chat.id).turns(task));
  }

  /** The chat in the working tree that the snapshot was taken of: its agent may have entered another one since. */
  async #whereTaken(chat: ChangingChat, target: rewinds.RewindTarget): Promise<ChangingChat> {
    const { env } = this.#options;
    const here = await this.#repositories.find(await workingDirectory(chat));
    await this.#snapshotTaken(chat);
    const oid = await findSnapshot(here, env, chat.id, rewinds.nameOf(target));
    const top = oid === null ? here.top : await topOfSnapshot(here, env, oid);
    if (top === here.top) return chat;
    const there = await this.#repositories.find(top);
    // Anybody who works in the repository can write a snapshot.
    if (there.commonDirectory === here.commonDirectory) return { ...chat, directory: top, worktree: null };
    throw unavailable('no_snapshot', `The snapshot is of ${top}, which is not of this repository any more.`);
  }

  /** Removes the chat's snapshots and what is kept beside them. Never rejects: the repositories may be gone. */
  async erase(chatId: string): Promise<void> {
    const { dataDir, env } = this.#options;
    const { turns, reads } = this.#lanesOf(chatId);
    const task = async (): Promise<void> => {
      for (const { commonDirectory } of await keptOf(dataDir, chatId)) {
        // A linked working tree may be gone; its repository has the snapshots.
        const own = { ...env, GIT_DIR: commonDirectory };
        await removeSnapshots({ top: commonDirectory }, own, chatId).catch(() => undefined);
      }
      await rm(folderOf(dataDir, chatId), { recursive: true, force: true });
    };
    await this.#track(turns(() => reads(task))).catch(() => undefined);
    this.#lanes.delete(chatId);
  }

  /**
   * Erases chats that were deleted while this host could not do that. Not at once: a server that was started with the wrong
   * database knows none of its chats.
   */
  async sweep(findMissing: (chatIds: string[]) => Promise<string[]>, idleMs = weekMs): Promise<void> {
    const chatIds = await chatsWithFolders(this.#options.dataDir, idleMs);
    if (chatIds.length === 0) return;
    for (const chatId of await findMissing(chatIds)) await this.erase(chatId);
  }

  /** Ends what runs. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the host stops'));
    await Promise.allSettled(this.#running);
  }

  async #snapshot(chat: ChangingChat, turn: TurnStart): Promise<void> {
    // Chats without a repository have nothing to miss.
    const opened = await this.#open(chat).catch(() => null);
    if (!opened) return;
    await takeSnapshot(turn, {
      ...opened,
      env: this.#options.env,
      chatId: chat.id,
      hasStart: this.#lanesOf(chat.id).hasStart,
      readTree: (onRead) => this.#readTree(opened.git, onRead),
    });
  }

  #readTree(git: PrivateGit, onRead?: () => void) {
    const { dataDir, env } = this.#options;
    const head = (): Promise<string | null> => readHead(git.repository, env);
    const { maxFileBytes } = this.#limits;
    return readWorkingTree(git, { head, dataDir, maxFileBytes, ...(onRead && { onRead }) });
  }

  async #open(
    chat: ChangingChat,
    limitMs = this.#limits.snapshotMs,
  ): Promise<{ git: PrivateGit; repository: Repository; folder: string }> {
    const repository = await this.#repositories.find(await workingDirectory(chat));
    const folder = await openFolder(this.#options.dataDir, chat.id, repository);
    return { git: await this.#git(folder, repository, limitMs), repository, folder };
  }

  #git(folder: string, repository: Repository, limitMs: number): Promise<PrivateGit> {
    const { env } = this.#options;
    return PrivateGit.open({
      folder,
      repository,
      env,
      signal: this.#stop.signal,
      untilMs: performance.now() + limitMs,
    });
  }

  async #read<T>(chat: ChangingChat, task: (view: View) => Promise<T>): Promise<T> {
    const { readMs } = this.#limits;
    const repository = await this.#repositories.find(await workingDirectory(chat));
    const lanes = this.#lanesOf(chat.id);
    await this.#snapshotTaken(chat);
    const read = lanes.reads(async () => {
      const untilMs = performance.now() + readMs;
      try {
        const folder = await openFolder(this.#options.dataDir, chat.id, repository);
        lanes.readCount += 1;
        const git = await this.#git(
          await openView(folder, { isWorn: lanes.readCount % maxReads === 0 }),
          repository,
          readMs,
        );
        await git.keepObjectsApart();
        return await task({
          git,
          env: this.#options.env,
          missed: () => readMissed(folder),
          now: () => this.#readTree(git),
        });
      } catch (error) {
        if (error instanceof BooError) throw error;
        const isLate = performance.now() >= untilMs;
        const what = `The changes in ${repository.top} cannot be told: ${toBooError(error).message}.`;
        throw unavailable(isLate ? 'too_slow' : 'git_failed', what, error);
      }
    });
    return this.#track(read);
  }

  /** The snapshot of the turn that has just started may be under way. */
  async #snapshotTaken({ id }: ChangingChat): Promise<void> {
    await within(
      this.#limits.readMs,
      this.#lanesOf(id).turns(() => Promise.resolve()),
    );
  }

  #lanesOf(chatId: string): Lanes {
    const known = this.#lanes.get(chatId);
    if (known) return known;
    const lanes = { turns: createSerial(), reads: createSerial(), readCount: 0, hasStart: new Set<string>() };
    this.#lanes.set(chatId, lanes);
    return lanes;
  }

  #track<T>(work: Promise<T>): Promise<T> {
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    this.#running.add(settled);
    void settled.finally(() => this.#running.delete(settled));
    return work;
  }
}
