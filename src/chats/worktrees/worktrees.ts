/**
 * Worktrees of chats: each has a branch and a working tree of git to itself, outside of its repository's own. What git is to make
 * is recorded first, and the chat is stored last, so that a host that dies meanwhile finds at its next start what to take back.
 */
import { existsSync } from 'node:fs';
import { createLimiter } from '../../lib/limiter.ts';
import type { Log } from '../../lib/log.ts';
import { within } from '../../lib/within.ts';
import { createSerial, type Serial } from '../../lib/serial.ts';
import { BooError, toBooError } from '../../protocol/error.ts';
import type { EventBody } from '../../protocol/event.ts';
import type { Actor } from '../../protocol/principal.ts';
import type {
  BranchList,
  ListedWorktree,
  MergeWorktree,
  NewWorktree,
  RebaseWorktree,
  RemovedWorktree,
  WorktreeResult,
} from '../../protocol/worktree.ts';
import { type ChatRow, findChat, type NewChat, type StoredWorktree } from '../../store/chats.ts';
import type { Sql } from '../../store/database.ts';
import {
  chatsIn,
  deleteWorktree,
  findWorktree,
  giveUpWorktree,
  insertChatWithWorktree,
  insertWorktree,
  listWorktrees,
  nameWorktree,
  type WorktreeRow,
} from '../../store/worktrees.ts';
import { shownWorktree } from '../chat-view.ts';
import type { Host } from '../host.ts';
import { visibleTo } from '../sharing.ts';
import { ask, unknownChat } from '../storage.ts';
import type { Workspaces } from '../workspaces/workspaces.ts';
import { listBranches } from './branches.ts';
import type { ChatWorktrees } from './chat-worktrees.ts';
import { type Furnished, furnish } from './furnish.ts';
import { type GitWork, removeScratch } from './git-work.ts';
import { commitAll, merge, rebase, type Step } from './integrate.ts';
import { assertMayGo, wouldLose } from './losses.ts';
import { make, plan, takeBack } from './make.ts';
import { branchWith, type Origin, putFiles } from './isolate-fork.ts';
import { measure } from './measure.ts';
import { refused } from './refused.ts';
import { type Removal, remove } from './remove.ts';

export interface WorktreesParts {
  sql: Sql;
  host: Host;
  readonly workspaces: Workspaces;
  dataDir: string;
  logger: Log;
  /** Trusts what the chat's directory turns on, if that is known to be what was trusted in the other one. */
  readonly trustLike: (chat: NewChat, other: string) => Promise<boolean>;
  /** Whether the chat's directory turns on what was trusted, or nobody has reviewed it. */
  readonly mayTrust: (chat: Pick<ChatRow, 'agent' | 'cwd'>) => Promise<boolean>;
  /** Whether the chat's directory turns on exactly what was trusted. */
  readonly isTrusted: (chat: Pick<ChatRow, 'trusted' | 'agent' | 'cwd'>) => Promise<boolean>;
  setupLimitMs?: number;
}

/** Long enough to install what a project needs. */
const setupLimitMs = 10 * 60_000;
const atOnce = 4;
const settleMs = 10_000;

export class Worktrees implements ChatWorktrees {
  readonly #parts: WorktreesParts;
  readonly #lanes = new Map<string, Serial>();
  readonly #removals = new Set<Promise<void>>();
  readonly #progress = new Map<string, NonNullable<ListedWorktree['progress']>>();

  constructor(parts: WorktreesParts) {
    this.#parts = parts;
  }

  /** Stores the chat with a worktree of its own. Throws `worktree_refused`, and then neither is there. */
  async create(
    chat: NewChat,
    wanted: NewWorktree,
    { signal, from }: { signal?: AbortSignal | undefined; from?: Origin } = {},
  ): Promise<ChatRow> {
    const { sql, workspaces, logger, trustLike } = this.#parts;
    const work = this.#work(signal);
    const spare = chat.id.slice(0, 8);
    const directory = from?.directory ?? chat.cwd;
    const trusted = chat.trusted && (await this.#parts.mayTrust({ ...chat, cwd: directory }));
    const planned = await plan(work, { directory, wanted, spare, seenBy: workspaces.here, trusted });
    const { place, cwd } = planned;
    if (from) place.base = await branchWith(work, from.parentDirectory, place.baseCommit);
    if (!(await ask(() => insertWorktree(sql, chat.id, place))))
      throw refused('branch_exists', `Another chat has the branch ${place.branch}, or its place ${place.path}.`);
    try {
      this.#progress.set(chat.id, { step: 'checkout', line: '' });
      await make(work, planned, trusted);
      if (from) await putFiles(work, planned, from.files);
      const own = { ...chat, cwd };
      const isTrusted = trusted && (await trustLike(own, chat.cwd));
      const furnished = await furnish(work, planned, {
        isTrusted,
        setupLimitMs: this.#parts.setupLimitMs ?? setupLimitMs,
        onProgress: (progress) => this.#progress.set(chat.id, progress),
      });
      signal?.throwIfAborted();
      const workspace = (await workspaces.look(cwd))?.workspace ?? null;
      const placed = { ...own, workspace };
      if (!(await (from ? from.store(placed) : ask(() => insertChatWithWorktree(sql, placed)))))
        throw refused('missing', 'The worktree was given up meanwhile.');
      await this.#note(chat.id, madeNotice(place, furnished));
    } catch (error) {
      const wasStored = await this.#giveUp(chat.id, place, error).catch((err: unknown) => {
        logger.warn({ chatId: chat.id, err }, 'A worktree could not be taken back. It will be at the next start.');
        return false;
      });
      if (!wasStored) throw error;
    } finally {
      this.#progress.delete(chat.id);
    }
    const row = await ask(() => findChat(sql, chat.id));
    if (!row) throw unknownChat();
    return row;
  }

  /** True if the chat was stored after all. */
  async #giveUp(chatId: string, place: StoredWorktree, error: unknown): Promise<boolean> {
    const { sql } = this.#parts;
    if (!(await ask(() => giveUpWorktree(sql, chatId))) && (await ask(() => findChat(sql, chatId)))) return true;
    const reason = toBooError(error).details['reason'];
    const isTaken = reason === 'place_taken';
    await takeBack(this.#work(), place, { ownsPath: !isTaken, ownsBranch: reason !== 'branch_exists' && !isTaken });
    await ask(() => deleteWorktree(sql, chatId));
    return false;
  }

  /** Takes back what this host was making when it died. */
  async sweep(): Promise<void> {
    const { sql, workspaces, dataDir, logger } = this.#parts;
    await removeScratch(dataDir);
    for (const { chatId, place, state } of await ask(() => listWorktrees(sql))) {
      if (state === 'ready' || place.seenBy !== workspaces.here || this.#progress.has(chatId)) continue;
      if (!(await ask(() => giveUpWorktree(sql, chatId)))) continue;
      await takeBack(this.#work(), place);
      await ask(() => deleteWorktree(sql, chatId));
      logger.info({ chatId, path: place.path }, 'A worktree that was being made when the server ended was taken back.');
    }
  }

  async merge(actor: Actor, chatId: string, { into, message: committing }: MergeWorktree): Promise<WorktreeResult> {
    return this.#step(chatId, async (step) => {
      if (committing !== undefined) await commitAll(step, committing);
      const result = await merge(step, into);
      const message = `${result.branch} was merged into ${result.base}.`;
      await this.#note(chatId, notice('worktree_merged', message, { ...result, by: actor.principal.name }));
      return result;
    });
  }

  async rebase(actor: Actor, chatId: string, { onto }: RebaseWorktree): Promise<WorktreeResult> {
    return this.#step(chatId, async (step) => {
      const result = await rebase(step, onto);
      const message = `${result.branch} was rebased onto ${result.base}.`;
      await this.#note(chatId, notice('worktree_rebased', message, { ...result, by: actor.principal.name }));
      return result;
    });
  }

  async remove(actor: Actor, chatId: string, removal: Removal): Promise<RemovedWorktree> {
    const { sql, host, logger } = this.#parts;
    const { place, isArchived } = await this.#find(chatId);
    if (isArchived === null) return this.#removeNow(chatId, place, removal, actor);
    const { path, directory, repository } = place;
    await this.#step(chatId, async ({ work }) => {
      await this.#assertAlone(chatId, place, actor);
      await assertMayGo(work, place, removal);
    });
    const { cwd, trusted } = (await ask(() => findChat(sql, chatId))) ?? { cwd: '', trusted: false };
    const target = [directory, repository].find((each) => existsSync(each));
    const moves = target !== undefined && (cwd === path || cwd.startsWith(`${path}/`));
    if (moves) await host.use(chatId, (chat) => chat.patch({ cwd: target, running: 'refuse' }, actor));
    try {
      // The chat stays here until it is done, however large the working tree is.
      const removed = await host.use(chatId, (chat) =>
        chat.atRest(async () => {
          const done = await this.#removeNow(chatId, place, removal, actor);
          chat.forgetWorktree();
          return done;
        }),
      );
      const what = removed.isBranchKept
        ? `The branch ${removed.branch} stays.`
        : `The branch ${removed.branch} was deleted.`;
      await this.#note(
        chatId,
        notice('worktree_removed', `The worktree ${path} was removed. ${what}`, {
          ...removed,
          by: actor.principal.name,
        }),
      );
      return removed;
    } catch (error) {
      // Somebody has changed something at this moment.
      if (moves && existsSync(cwd)) {
        await host
          .use(chatId, (chat) => chat.patch({ cwd, trusted }, actor))
          .catch((err: unknown) => logger.warn({ chatId, err }, 'The chat stays in the repository’s directory.'));
      }
      throw error;
    }
  }

  /** Of a chat that was deleted: it goes too, unless it holds work. Never rejects. */
  async afterDelete(chatId: string, title: string): Promise<void> {
    const removal = this.#removeOfDeleted(chatId, title);
    this.#removals.add(removal);
    await removal.finally(() => this.#removals.delete(removal));
  }

  /** A removal that is cut off would leave half a working tree: what has begun may end. */
  async settled(): Promise<void> {
    await within(settleMs, Promise.all(this.#removals));
  }

  async #removeOfDeleted(chatId: string, title: string): Promise<void> {
    const { sql, workspaces, logger } = this.#parts;
    try {
      const found = await ask(() => findWorktree(sql, chatId));
      if (!found) return;
      await ask(() => nameWorktree(sql, chatId, title));
      if (found.place.seenBy === workspaces.here)
        await this.#removeNow(chatId, found.place, { keepsBranch: false, discards: false });
    } catch (err) {
      const isKept = err instanceof BooError && err.code === 'worktree_refused';
      if (!isKept) logger.warn({ chatId, err }, 'The worktree of a deleted chat stays.');
    }
  }

  async list({ making = false } = {}): Promise<ListedWorktree[]> {
    const limit = createLimiter(atOnce);
    const rows = (await ask(() => listWorktrees(this.#parts.sql))).filter(({ state }) => !making || state === 'making');
    return Promise.all(rows.map((row) => limit(() => this.#describe(row))));
  }

  branches(directory: string, part: string): Promise<BranchList> {
    return listBranches(this.#work(), directory, part);
  }

  async #describe({ chatId, place, state, title, createdAt, isArchived }: WorktreeRow): Promise<ListedWorktree> {
    const isHere = place.seenBy === this.#parts.workspaces.here;
    const isReady = state === 'ready';
    const size = isHere && isReady ? await measure(place.path) : null;
    const { losses, shown } = isHere && isReady ? await wouldLose(this.#work(), place) : { losses: null, shown: null };
    return {
      chatId,
      title,
      chat: !isReady ? 'making' : isArchived === null ? 'deleted' : isArchived ? 'archived' : 'active',
      worktree: shownWorktree(place),
      createdAt: createdAt.toISOString(),
      isHere,
      bytes: size?.bytes ?? null,
      lastUsedAt: size ? new Date(size.lastUsedMs).toISOString() : null,
      wouldLose: losses,
      shown,
      progress: this.#progress.get(chatId) ?? null,
    };
  }

  async #removeNow(chatId: string, place: StoredWorktree, removal: Removal, actor?: Actor): Promise<RemovedWorktree> {
    const removed = await this.#laneOf(place)(async () => {
      await this.#assertAlone(chatId, place, actor);
      return remove(this.#work(), place, removal);
    });
    await ask(() => deleteWorktree(this.#parts.sql, chatId));
    return removed;
  }

  /** Throws `worktree_refused` if another chat works there, such as a fork. */
  async #assertAlone(chatId: string, { path }: StoredWorktree, actor?: Actor): Promise<void> {
    const who = { but: chatId, visibleTo: actor && visibleTo(actor.principal) };
    const [other] = await ask(() => chatsIn(this.#parts.sql, path, who));
    if (!other) return;
    if (!other.isVisible) throw refused('other_chats', `Somebody else’s chat works in ${path}.`);
    const what = `Another chat works in ${path}: ${other.title ?? other.id}.`;
    throw refused('other_chats', what, { chatId: other.id });
  }

  /** While no turn runs in it, and no other step in its repository. */
  async #step<T>(chatId: string, task: (step: Step) => Promise<T>): Promise<T> {
    const { place } = await this.#find(chatId);
    const work = this.#work();
    const { host, isTrusted } = this.#parts;
    return host.use(
      chatId,
      (chat) =>
        chat.atRest(() => this.#laneOf(place)(async () => task({ work, place, trusted: await isTrusted(chat.view) }))),
      { needsDirectory: true },
    );
  }

  async #find(chatId: string): Promise<WorktreeRow> {
    const { sql, workspaces } = this.#parts;
    const found = await ask(() => findWorktree(sql, chatId));
    if (!found) {
      if (await ask(() => findChat(sql, chatId))) throw refused('no_worktree', 'This chat has no worktree of its own.');
      throw unknownChat();
    }
    if (found.isArchived === null && found.place.seenBy !== workspaces.here)
      throw refused('elsewhere', `${found.place.path} is on another host: ask that one.`);
    return found;
  }

  /** In the chat's log. What was done is done, whether or not that can be said there. */
  async #note(chatId: string, body: EventBody): Promise<void> {
    const { host, logger } = this.#parts;
    await host
      .use(chatId, (chat) => chat.note(body))
      .catch((err: unknown) => logger.warn({ chatId, err }, 'A chat’s log does not say what became of its worktree.'));
  }

  #work(signal?: AbortSignal): GitWork {
    const { dataDir, workspaces } = this.#parts;
    return {
      dataDir,
      places: workspaces.places,
      env: workspaces.gitEnvironment,
      signal: AbortSignal.any([workspaces.stopping, ...(signal ? [signal] : [])]),
    };
  }

  #laneOf({ commonDirectory }: StoredWorktree): Serial {
    const known = this.#lanes.get(commonDirectory) ?? createSerial();
    this.#lanes.set(commonDirectory, known);
    return known;
  }
}

function notice(
  code: string,
  message: string,
  data: Record<string, unknown>,
  level: 'info' | 'warning' = 'info',
): EventBody {
  return { type: 'notice', level, code, message, data };
}

function madeNotice(place: StoredWorktree, { sentences, data, isWarning }: Furnished): EventBody {
  const from = place.base ?? place.baseCommit.slice(0, 10);
  const message = [
    `The chat works in its own worktree ${place.path} on the branch ${place.branch}, made from ${from}.`,
    ...sentences,
  ];
  return notice(
    'worktree_made',
    message.join(' '),
    { ...shownWorktree(place), ...data },
    isWarning ? 'warning' : 'info',
  );
}
