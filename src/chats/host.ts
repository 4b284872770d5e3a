/**
 * The chats that one running server holds.
 *
 * A chat is held, by a lease, as long as it is warm or has work; all others exist only in the database. A request for one
 * claims it. On start, and every few seconds, the host looks for chats with work that nobody holds.
 */
import type { AgentDirectory } from '../agents/agent.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { ReadMemory } from '../lib/memory.ts';
import type { Chat as ChatView } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';
import type { HealthReason } from '../protocol/info.ts';
import type { Actor } from '../protocol/principal.ts';
import { type ChatRow, deleteChat, findChat } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { findOpenDecisions, type OpenDecision } from '../store/decisions.ts';
import { findHolder, type Holder } from '../store/hosts.ts';
import type { Lease } from '../store/events.ts';
import { inTime } from '../store/in-time.ts';
import { claimLease, releaseLease } from '../store/leases.ts';
import { probeWrites } from '../store/probe-writes.ts';
import type { SlowLane } from '../store/slow-lane.ts';
import { FencedError, toStorageError } from '../store/storage-error.ts';
import { Admission, type StartLimits } from './admission.ts';
import { assertHere } from './assert-here.ts';
import { Chat } from './chat.ts';
import { ChatLog } from './chat-log.ts';
import { EventLines } from './event-lines.ts';
import type { Feed } from './feed.ts';
import { Feeds, type FeedsParts } from './feeds.ts';
import { Health } from './health.ts';
import { HostDrain } from './host-drain.ts';
import { LeaseKeeper, type LeaseKeeperParts, leaseTtlMs } from './lease-keeper.ts';
import type { Bypass } from './bypass.ts';
import { ChatNotifier } from './chat-notifier.ts';
import { OrphanedWork } from './orphaned-work.ts';
import { storeSessions } from './kept-sessions.ts';
import { ask, databaseLost, draining, elsewhere, shuttingDown, unknownChat, write } from './storage.ts';
import { ChatSecrets } from './secrets/chat-secrets.ts';
import type { SandboxFloor } from './sandbox-floor.ts';
import type { Secrets } from './secrets/secrets.ts';
import type { SharedBudgets } from './shared-budgets.ts';
import { takeOver } from './take-over.ts';
import type { WaitLimits } from './waits.ts';
import type { Workspaces } from './workspaces/workspaces.ts';

export interface HostParts
  extends Pick<LeaseKeeperParts, 'onRenewed'>, Pick<FeedsParts, 'readerBacklogBytes' | 'followHolder' | 'doorbell'> {
  hostId: string;
  sql: Sql;
  /** Connections of the leases' own: they are renewed whatever keeps the others busy. */
  leaseSql: Sql;
  /** For what takes long, such as the deletion of a long chat. */
  slow: SlowLane;
  clock: Clock;
  logger: Log;
  idleTimeoutMs: number;
  /** How long an agent that was started ahead of a prompt waits for it. */
  aheadTimeoutMs: number;
  waitLimits: WaitLimits;
  /** The server's own files: no agent works in it, above it or below it. */
  dataDir: string;
  /** How long running turns may take to finish when the host is drained. */
  drainMs: number;
  readonly workspaces: Workspaces;
  /** Whose agents may work without asking; without, all owners’. */
  readonly bypass?: Bypass;
  /** Which sandbox agents have at least; without, what their chats ask for. */
  readonly sandbox?: SandboxFloor;
  startLimits: StartLimits;
  readonly readMemory: ReadMemory;
  readonly agents: AgentDirectory;
  readonly budgets: SharedBudgets;
  readonly secrets?: Secrets | undefined;
}

interface Held {
  chat: Chat;
  log: ChatLog;
}

export class Host {
  readonly #parts: HostParts;
  readonly #held = new Map<string, Promise<Held>>();
  readonly #chats = new Map<string, Chat>();
  readonly #feeds: Feeds;
  readonly #leases: LeaseKeeper;
  readonly #health: Health;
  readonly #orphanedWork: OrphanedWork;
  /** Chats that were dropped, perhaps in the middle of a turn, and why. */
  readonly #leftFor = new Map<string, { epoch: number; cause: BooError }>();
  readonly notifier = new ChatNotifier();
  readonly admission: Admission;
  readonly #lines: EventLines;
  /** For chats that were dropped: the end of their sessions, before which none is opened again here. */
  readonly #endings = new Map<string, Promise<void>>();
  /** Closings under way that nobody waits for. */
  readonly #closings = new Set<Promise<void>>();
  /** Hands the chats over in order, on purpose. */
  readonly draining: HostDrain<Held>;
  #isStopping = false;
  #retries = true;

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.#lines = new EventLines(parts.logger);
    const idle = () => [...this.#chats.values()].flatMap((chat) => chat.idleAgent ?? []);
    this.admission = new Admission({ ...parts, limits: parts.startLimits, idle });
    this.#feeds = new Feeds({ ...parts, isHeld: (chatId) => this.#held.has(chatId) });
    this.#leases = new LeaseKeeper({
      ...parts,
      sql: parts.leaseSql,
      held: () => new Map([...this.#chats].map(([chatId, chat]) => [chatId, chat.lease.epoch])),
      onLost: (chatId, epoch, why, cause) => {
        const chat = this.#chats.get(chatId);
        if (chat?.lease.epoch === epoch) this.#letGo(chat, why === 'expired' ? databaseLost(cause) : undefined);
      },
    });
    this.draining = new HostDrain({ ...parts, held: this.#held, release: (held) => this.#track(this.#release(held)) });
    this.#orphanedWork = new OrphanedWork({
      ...parts,
      isTaking: () => !this.draining.isOn,
      budgets: () => parts.budgets.limits,
      dropped: () => [...this.#leftFor.keys()],
      take: (chatId) => this.use(chatId, (chat) => chat.giveDue(), { needsDirectory: true }),
    });
    parts.budgets.observe(() => this.#chats.forEach((chat) => chat.noteBudgets()));
    this.#health = new Health({
      clock: parts.clock,
      probe: () => probeWrites(parts.sql, parts.hostId),
      refuses: () => (this.#isStopping ? 'stopping' : this.draining.isOn ? 'draining' : null),
      isTrusted: () => this.#leases.isTrusted,
    });
  }

  get id(): string {
    return this.#parts.hostId;
  }

  /** The chats that are not cold. */
  get warm(): ChatView[] {
    return [...this.#chats.values()].map((chat) => chat.view).filter((chat) => chat.state !== 'cold');
  }

  /** Why this host cannot serve now; null if it can. */
  health(): Promise<HealthReason | null> {
    return this.#health.check();
  }

  get counts() {
    const warmChats = [...this.#chats.values()].filter((chat) => chat.isWarm).length;
    return { warmChats, startingAgents: this.admission.startingCount, waitingStarts: this.admission.waitingCount };
  }

  /** Claims work that dead hosts left, and keeps looking for it. Aborted, it drains. */
  async start(signal?: AbortSignal): Promise<void> {
    const giveUp = (): void => void this.drain();
    signal?.addEventListener('abort', giveUp, { once: true });
    this.#leases.start();
    this.admission.start();
    await this.#orphanedWork.start();
    signal?.removeEventListener('abort', giveUp);
  }

  /** Stops taking work, interrupts what runs, and releases every lease. Idempotent. */
  async drain(): Promise<void> {
    this.#isStopping = true;
    this.admission.stop();
    await this.#orphanedWork.stop();
    if (this.draining.isOn) await this.draining.start(0);
    const held = await Promise.allSettled(this.#held.values());
    for (const each of held) {
      if (each.status === 'fulfilled') void this.#track(this.#release(each.value));
    }
    await Promise.allSettled(this.#closings);
    await this.#feeds.stop('closing');
    await this.#leases.stop();
  }

  /** From here on lost writes are not retried: the database is away, and this host stops. */
  stopRetrying(): void {
    this.#retries = false;
  }

  /** The chat if this host holds it. */
  find(chatId: string): Chat | undefined {
    return this.#chats.get(chatId);
  }

  /**
   * Claims the chat if nobody has it, to do one thing with it. Throws `workspace_missing` if that needs the chat's
   * directory and this host does not have it.
   */
  async use<T>(
    chatId: string,
    task: (chat: Chat) => Promise<T>,
    { needsDirectory = false }: { needsDirectory?: boolean } = {},
  ): Promise<T> {
    for (;;) {
      // Before it is claimed, so that another host can.
      if (needsDirectory && !this.#held.has(chatId) && !this.#isTurningAway) await assertHere(this.#parts, chatId);
      const { chat } = await this.#hold(chatId);
      if (needsDirectory && chat.missing) throw chat.missing;
      // It may have been released in this very moment: then it is claimed again.
      if (!chat.isStopped || this.#chats.get(chatId) === chat) return write(() => task(chat));
    }
  }

  /** A schedule may be due sooner than the next look for work. */
  lookSoon(): void {
    this.#orphanedWork.lookSoon();
  }

  get #isTurningAway(): boolean {
    return this.#isStopping || this.draining.isOn;
  }

  /** It holds the chat, or is claiming it. */
  isHolding(chatId: string): boolean {
    return this.#held.has(chatId);
  }

  /** Closes the chat here, if this host holds it and it leaves; false if it does not hold it. */
  async letLeave(chatId: string, leave: (chat: Chat) => Promise<void>): Promise<boolean> {
    const held = await this.#held.get(chatId);
    if (!held) return false;
    await write(() => leave(held.chat));
    if (held.chat.isStopped) await this.#track(this.#release(held));
    return true;
  }

  /** Ends the chat's session and readers, and forgets it everywhere. */
  async delete(chatId: string, { principal, via }: Actor): Promise<void> {
    const { chat, log } = await this.#hold(chatId);
    try {
      await chat.stop();
      // Before its rows: if this fails, the chat is still complete, because the agent's files are copies.
      await write(() => chat.erase());
      if (!(await write(() => deleteChat(this.#parts.slow.sql, log.lease))))
        throw await elsewhere(this.#parts.sql, chatId);
    } finally {
      // Only now, so that nobody claims it while it is being deleted.
      this.#forget(chat);
    }
    // Only this line says so: nothing of the chat is left.
    this.#parts.logger.info({ chatId, principal: principal.id, by: principal.name, via }, 'A chat was deleted.');
    this.#feeds.delete(chatId);
    this.notifier.deleted(chatId);
  }

  /** Where a chat's events are followed. */
  feed(chatId: string): Feed {
    if (this.#isStopping) throw shuttingDown();
    return this.#feeds.of(chatId);
  }

  holderSeen(chatId: string): Holder | undefined {
    return this.#feeds.holderOf(chatId);
  }

  /** The chat, claimed if nobody has it. */
  #hold(chatId: string): Promise<Held> {
    if (this.#isStopping) return Promise.reject(shuttingDown());
    let held = this.#held.get(chatId);
    if (!held) {
      if (this.draining.isOn) return this.#refuse(chatId);
      held = this.#take(chatId);
      this.#held.set(chatId, held);
      held.catch(() => this.#held.delete(chatId));
    }
    return held;
  }

  async #refuse(chatId: string): Promise<never> {
    throw (await ask(() => findHolder(this.#parts.sql, chatId)))
      ? await elsewhere(this.#parts.sql, chatId)
      : draining();
  }

  async #take(chatId: string): Promise<Held> {
    const { sql, hostId, clock, logger } = this.#parts;
    const lease = await ask(() => claimLease(sql, chatId, hostId, leaseTtlMs));
    if (!lease) {
      this.#leftFor.delete(chatId);
      if (await ask(() => findChat(sql, chatId))) throw await elsewhere(sql, chatId);
      throw unknownChat();
    }
    logger.info({ chatId, epoch: lease.epoch }, 'A chat was claimed: its lease is ours.');
    this.notifier.leaseChanged(chatId);
    const secrets = this.#parts.secrets && new ChatSecrets(this.#parts.secrets, chatId);
    let chat: Chat | undefined;
    let row: ChatRow | null;
    let openDecisions: OpenDecision[] = [];
    const log = new ChatLog({
      sql,
      lease,
      feed: this.feed(chatId),
      clock,
      logger,
      secrets,
      retry: (attempt) => this.#retry(attempt),
      onStored: (event) => {
        this.#lines.write(event);
        this.notifier.stored(event);
        chat?.noted(event);
      },
      onFenced: () => {
        const held = this.#chats.get(chatId);
        if (held?.lease.epoch === lease.epoch) this.#letGo(held);
      },
    });
    const dropped = this.#leftFor.get(chatId);
    try {
      await write(() =>
        takeOver({ ...this.#parts, log, dropped, onLeft: (decisions) => this.notifier.left(decisions) }),
      );
      this.#leftFor.delete(chatId);
      // Read only now, so that it includes what the recovery has stored.
      row = await ask(() => findChat(sql, chatId));
      if (!row) throw unknownChat();
      if (row.isAsking || row.hasAnswer) openDecisions = await ask(() => findOpenDecisions(sql, chatId));
    } catch (error) {
      // A host that cannot write must not keep the chat. If this fails too, the lease expires.
      void this.#track(this.#giveBack(lease));
      throw error;
    }
    const taken = new Chat({
      ...this.#parts,
      secrets,
      row,
      openDecisions,
      log,
      place: await this.#parts.workspaces.locate(row),
      admission: this.admission,
      before: dropped ? this.#storeLeft(log, row) : this.#endings.get(chatId),
      // Once it has left, others may have changed it.
      onChanged: () => this.#chats.get(chatId) === taken && this.notifier.changed(chatId, () => taken.view),
      onRest: () => void this.#track(this.#release({ chat: taken, log })),
      onGivenUp: (error) => this.#letGo(taken, error),
    });
    chat = taken;
    this.#chats.set(chatId, taken);
    this.notifier.tookOver(taken, openDecisions);
    taken.wake();
    return { chat: taken, log };
  }

  /** Once its session has ended, stores what the agent of a chat that was dropped here has written to its files since. */
  #storeLeft(log: ChatLog, row: ChatRow): Promise<void> {
    const { sql, agents, logger } = this.#parts;
    const ended = this.#endings.get(row.id);
    const store = async (): Promise<void> => {
      await ended;
      const { directory } = await this.#parts.workspaces.locate(row);
      const rowHere = { ...row, cwd: directory };
      await log.retrying(() => storeSessions({ sql, log, agents, settings: { rowHere } }));
    };
    const stored = store().catch((err: unknown) =>
      logger.warn({ chatId: row.id, err }, 'The transcript is not whole in the store yet.'),
    );
    void this.#track(stored);
    return stored;
  }

  /** Releases a chat: its session ends cleanly, and its lease is free immediately. */
  async #release({ chat, log }: Held): Promise<void> {
    // A cold chat has nothing left to end: from here on, the next request claims it again.
    if (!chat.isWarm) this.#forget(chat);
    await chat.stop();
    this.#forget(chat);
    await this.#giveBack(log.lease);
    this.#parts.logger.info({ chatId: chat.id, epoch: log.lease.epoch }, 'A chat is cold: its lease was released.');
    this.admission.look();
  }

  /** Drops a chat that may no longer be written to. The next holder need not wait for the lease to expire. */
  #letGo(chat: Chat, cause?: unknown): void {
    if (this.#chats.get(chat.id) !== chat) return;
    this.#parts.logger.warn({ chatId: chat.id, epoch: chat.lease.epoch }, 'A chat was dropped: its lease is lost.');
    const told = toStorageError(cause);
    if (told instanceof BooError) this.#leftFor.set(chat.id, { epoch: chat.lease.epoch, cause: told });
    // Where another host has taken it, only the database knows how it is.
    this.#forget(chat, { isTaken: cause === undefined || cause instanceof FencedError });
    const letGo = chat.letGo();
    const ended = Promise.allSettled([this.#endings.get(chat.id), letGo]).then(() => {
      if (this.#endings.get(chat.id) === ended) this.#endings.delete(chat.id);
    });
    this.#endings.set(chat.id, ended);
    void this.#track(letGo.then(() => this.#giveBack(chat.lease)));
  }

  async #giveBack(lease: Lease): Promise<void> {
    await inTime(releaseLease(this.#parts.sql, lease));
    this.notifier.leaseChanged(lease.chatId);
  }

  #forget(chat: Chat, { isTaken = false } = {}): void {
    if (this.#chats.get(chat.id) !== chat) return;
    this.#chats.delete(chat.id);
    this.#held.delete(chat.id);
    this.notifier.forget(chat.id);
    this.#feeds.released();
    if (!isTaken) this.notifier.changed(chat.id, () => chat.viewAtRest);
  }

  /** Waits before a write is tried again; false once the leases may not be trusted any more. */
  #retry(attempt: number): Promise<boolean> {
    const { clock } = this.#parts;
    const delayMs = Math.min(50 * 2 ** (attempt - 1), 1_000);
    const may = (): boolean => this.#retries && this.#leases.isTrusted;
    return new Promise((resolve) => clock.after(delayMs, () => resolve(may())));
  }

  #track(work: Promise<void>): Promise<void> {
    const tracked = work
      .catch((error: unknown) => this.#parts.logger.error({ err: error }, 'A chat could not be closed cleanly.'))
      .finally(() => this.#closings.delete(tracked));
    this.#closings.add(tracked);
    return tracked;
  }
}
