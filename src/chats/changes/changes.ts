/**
 * What has changed in the working tree of a chat's directory. At the start of each turn a snapshot of it is taken, which
 * touches nothing of the person's: neither index, stash, HEAD, branches nor reflogs. A turn waits a bounded time for it, and
 * starts in any case: changes since that turn are then unavailable, with the reason.
 */
import { existsSync } from 'node:fs';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { within } from '../../lib/within.ts';
import type {
  ChangeDiff,
  ChangeList,
  CommitChanges,
  CommittedChanges,
  DiffQuery,
  DiscardChange,
  ShownPath,
  Since,
  StageChanges,
} from '../../protocol/changes.ts';
import { BooError, toBooError } from '../../protocol/error.ts';
import type { GitEnvironment } from '../workspaces/git.ts';
import { chatsWithFolders, folderOf, openFolder, openHand, openView, type ViewName } from './chat-folder.ts';
import { type ChangingChat, workingDirectory } from './changing-chat.ts';
import { commit } from './commit.ts';
import { eraseKept } from './erase.ts';
import { discard, type DiscardParts, undoDiscard } from './discard.ts';
import { Hand } from './hand.ts';
import { ChatLanes } from './lanes.ts';
import { type ChangesLimits, usualLimits } from './limits.ts';
import { type Glance, type Viewer, Watches } from './watches.ts';
import { allBytesOf } from './named-files.ts';
import { changedPaths, glance, listChanges, readDiff, type View } from './read-changes.ts';
import { stage, unstage } from './staging.ts';
import * as rewinds from './rewind-files.ts';
import { readMissed } from './missed.ts';
import { PrivateGit } from './private-git.ts';
import { Repositories, type Repository } from './repository.ts';
import { endSuffix, findSnapshot, readHead, readSnapshot, topOfSnapshot } from './snapshot-refs.ts';
import { takeEndSnapshot, takeSnapshot, type TurnStart } from './take-snapshot.ts';
import type { WorkPlaces } from '../work-places.ts';
import { unavailable } from './unavailable.ts';
import { readWorkingTree, type WorkingTree } from './working-tree.ts';

export interface ChangesOptions {
  dataDir: string;
  /** Where the server works at all; without, anywhere. */
  places?: WorkPlaces;
  env: GitEnvironment;
  limits?: Partial<ChangesLimits>;
  clock?: Clock;
}

const weekMs = 7 * 24 * 60 * 60_000;
/** After so many reads, what they have written is removed. */
const maxReads = 200;

/** What else a list is to have. */
export interface ListOptions {
  by?: boolean;
  ignored?: boolean;
}

interface WriteParts extends DiscardParts {
  readonly head: () => Promise<string | null>;
}

export class Changes {
  readonly #options: ChangesOptions;
  readonly #limits: ChangesLimits;
  readonly #repositories: Repositories;
  readonly #lanes = new ChatLanes();
  readonly #watches: Watches;
  /** Turns that run. */
  readonly #turnIds = new Set<string>();
  readonly #stop = new AbortController();

  constructor(options: ChangesOptions) {
    this.#options = options;
    this.#limits = { ...usualLimits, ...options.limits };
    this.#repositories = new Repositories(options.env, options.places);
    this.#watches = new Watches(options.clock ?? systemClock);
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
      const lanes = this.#lanes.of(chat.id);
      this.#turnIds.add(turnId);
      lanes.starting += 1;
      const late = (): number | null => (isLate ? limitMs : null);
      const task = async (): Promise<void> => {
        lanes.starting -= 1;
        const { ended } = lanes;
        lanes.ended = null;
        await this.#snapshot(chat, { turnId, stored, at, onRead: done, late, ended });
        if (!(await stored)) this.#turnIds.delete(turnId);
      };
      this.#lanes.track(lanes.turns(task)).then(done, done);
    });
  }

  /** Reads the working tree for the first time, so that the first turn need not wait for that. Never rejects. */
  async prepare(chat: ChangingChat): Promise<void> {
    if (existsSync(folderOf(this.#options.dataDir, chat.id))) return;
    const task = async (): Promise<void> => {
      const { git } = await this.#open(chat);
      await this.#readTree(git);
    };
    await this.#lanes.track(this.#lanes.of(chat.id).turns(task)).catch(() => undefined);
  }

  /** Records the state at the end of a turn, beside whatever comes next. If that is a turn, its own start is that state. */
  afterTurn(chat: ChangingChat, turnId: string): void {
    this.#turnIds.delete(turnId);
    const lanes = this.#lanes.of(chat.id);
    lanes.ended = turnId;
    const at = new Date();
    const task = async (): Promise<void> => {
      if (lanes.ended !== turnId || lanes.starting > 0) return;
      lanes.ended = null;
      // Without a folder there is no repository, or the chat is deleted.
      if (!existsSync(folderOf(this.#options.dataDir, chat.id))) return;
      const opened = await this.#open(chat);
      const readTree = (onRead: () => void): Promise<WorkingTree> => this.#readTree(opened.git, onRead);
      await takeEndSnapshot(turnId, at, { ...opened, env: this.#options.env, chatId: chat.id, readTree });
    };
    void this.#lanes.track(lanes.turns(task)).catch(() => undefined);
  }

  /** Throws `changes_unavailable`. */
  list(chat: ChangingChat, since: Since, { by, ignored }: ListOptions = {}): Promise<ChangeList> {
    const who = by ? { isRunning: (turnId: string) => this.#turnIds.has(turnId) } : undefined;
    const ignoredBeside = ignored ? this.#options.dataDir : undefined;
    return this.#read(chat, (view) => listChanges(view, chat.id, since, { who, ignoredBeside }));
  }

  /** Throws `changes_unavailable`. */
  diff(chat: ChangingChat, query: DiffQuery & { since: Since }): Promise<ChangeDiff> {
    return this.#read(chat, (view) => readDiff(view, chat.id, query));
  }

  /**
   * Tells whenever something has changed in the working tree, in what is staged or in the commit, until the returned
   * function is called. Throws `changes_unavailable`.
   */
  async watch(chat: ChangingChat, viewer: Pick<Viewer, 'onChange' | 'onEnd'>): Promise<() => void> {
    const { top } = await this.#repositories.find(await workingDirectory(chat));
    const look = (): Promise<Glance> => this.#read(chat, glance, { name: 'watch' });
    return this.#watches.add(top, { chatId: chat.id, look, ...viewer });
  }

  /** How many working trees are being watched. */
  get watchCount(): number {
    return this.#watches.size;
  }

  /** Adds files to the person's index. Throws `changes_unavailable`, `change_refused`. */
  stage(chat: ChangingChat, { paths }: StageChanges, isTrusted: boolean): Promise<number> {
    const bytes = allBytesOf(paths);
    return this.#write(chat, isTrusted, async ({ hand }) => {
      await stage(hand, bytes);
      return bytes.length;
    });
  }

  /** Takes them out of it again. Throws `changes_unavailable`, `change_refused`. */
  unstage(chat: ChangingChat, { paths }: StageChanges, isTrusted: boolean): Promise<number> {
    const bytes = allBytesOf(paths);
    return this.#write(chat, isTrusted, async ({ hand, head }) => {
      await unstage(hand, await head(), bytes);
      return bytes.length;
    });
  }

  /** Throws `changes_unavailable`, `change_refused`. */
  commit(chat: ChangingChat, request: CommitChanges, isTrusted: boolean): Promise<Omit<CommittedChanges, 'chatId'>> {
    const { message, during, paths, all } = request;
    const named = paths ? allBytesOf(paths) : null;
    return this.#write(chat, isTrusted, async ({ hand, view, head }) => {
      const at = await head();
      return commit(hand, { message, during, paths: named, all: all ? await changedPaths(view, at) : null, head: at });
    });
  }

  /** The name under which it can be given back. Throws `changes_unavailable`, `change_refused`. */
  discard(chat: ChangingChat, request: DiscardChange, isTrusted: boolean): Promise<string> {
    return this.#write(chat, isTrusted, (parts) => discard(parts, chat.id, request));
  }

  /** Throws `changes_unavailable`, `change_refused`. */
  undo(chat: ChangingChat, id: string, isTrusted: boolean): Promise<ShownPath[]> {
    return this.#write(chat, isTrusted, (parts) => undoDiscard(parts, id));
  }

  /** The commit that was checked out at the end of a turn, and a snapshot of the files. Throws `changes_unavailable`. */
  async atEnd(
    chat: ChangingChat,
    chatIds: readonly string[],
    turnId: string,
  ): Promise<{ commit: string; files: string }> {
    return this.#read(chat, async ({ git, env }) => {
      for (const chatId of chatIds) {
        const files = await findSnapshot(git.repository, env, chatId, `${turnId}${endSuffix}`);
        const commit = files === null ? null : (await readSnapshot(git, files)).head;
        if (files !== null && commit !== null) return { commit, files };
      }
      throw unavailable('no_snapshot', `No snapshot of ${git.repository.top} was taken at the end of that turn.`);
    });
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
    return this.#lanes.track(this.#lanes.of(chat.id).turns(task));
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

  /**
   * Removes the chat's snapshots and what is kept beside them. Never rejects: the repositories may be gone. What cannot be
   * removed now is remembered for the sweep.
   */
  async erase(chatId: string): Promise<void> {
    const { dataDir, env } = this.#options;
    this.#watches.end(chatId);
    const { turns, reads } = this.#lanes.of(chatId);
    const task = (): Promise<void> => eraseKept(dataDir, env, chatId);
    await this.#lanes.track(turns(() => reads.view(() => reads.watch(task)))).catch(() => undefined);
    this.#lanes.forget(chatId);
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
    this.#watches.close();
    this.#stop.abort(new Error('the host stops'));
    await this.#lanes.settled();
  }

  async #snapshot(chat: ChangingChat, turn: TurnStart): Promise<void> {
    // Chats without a repository have nothing to miss.
    const opened = await this.#open(chat).catch(() => null);
    if (!opened) return;
    await takeSnapshot(turn, {
      ...opened,
      env: this.#options.env,
      chatId: chat.id,
      hasStart: this.#lanes.of(chat.id).hasStart,
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

  /** What a person has asked for, one after the other. */
  #write<T>(chat: ChangingChat, isTrusted: boolean, task: (parts: WriteParts) => Promise<T>): Promise<T> {
    const { writeMs, maxFileBytes } = this.#limits;
    const { env } = this.#options;
    return this.#read(
      chat,
      async (view, folder) => {
        const { repository } = view.git;
        const own = await this.#git(await openHand(folder), repository, writeMs);
        const untilMs = performance.now() + writeMs;
        const hand = new Hand({ own, env, isTrusted, signal: this.#stop.signal, untilMs });
        return task({ view, hand, folder, maxFileBytes, head: () => readHead(repository, env) });
      },
      { readMs: writeMs },
    );
  }

  async #read<T>(
    chat: ChangingChat,
    task: (view: View, folder: string) => Promise<T>,
    { readMs = this.#limits.readMs, name = 'view' }: { readMs?: number; name?: ViewName } = {},
  ): Promise<T> {
    const repository = await this.#repositories.find(await workingDirectory(chat));
    const lanes = this.#lanes.of(chat.id);
    await this.#snapshotTaken(chat);
    const read = lanes.reads[name](async () => {
      const untilMs = performance.now() + readMs;
      try {
        const folder = await openFolder(this.#options.dataDir, chat.id, repository);
        lanes.readCounts[name] += 1;
        const git = await this.#git(
          await openView(folder, { name, isWorn: lanes.readCounts[name] % maxReads === 0 }),
          repository,
          readMs,
        );
        await git.keepObjectsApart();
        return await task(
          {
            git,
            env: this.#options.env,
            missed: () => readMissed(folder),
            now: () => this.#readTree(git),
          },
          folder,
        );
      } catch (error) {
        if (error instanceof BooError) throw error;
        const isLate = performance.now() >= untilMs;
        const what = `The changes in ${repository.top} cannot be told: ${toBooError(error).message}.`;
        throw unavailable(isLate ? 'too_slow' : 'git_failed', what, error);
      }
    });
    return this.#lanes.track(read);
  }

  /** The snapshot of the turn that has just started may be under way. */
  async #snapshotTaken({ id }: ChangingChat): Promise<void> {
    await within(
      this.#limits.readMs,
      this.#lanes.of(id).turns(() => Promise.resolve()),
    );
  }
}
