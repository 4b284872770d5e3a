/**
 * The chats that one running server holds.
 *
 * A chat is held, by a lease, as long as it is warm or has work; all others exist only in the database. A request for one
 * claims it. On start, and every few seconds, the host looks for chats with work that nobody holds.
 */
import type { AgentDirectory } from '../agents/agent.ts';
import type { Clock } from '../lib/clock.ts';
import { createLimiter, type Limiter } from '../lib/limiter.ts';
import type { Log } from '../lib/log.ts';
import type { Chat as ChatView } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';
import type { HealthReason } from '../protocol/info.ts';
import type { Actor } from '../protocol/principal.ts';
import { type ChatRow, deleteChat, findChat } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { findOpenDecisions, type OpenDecision } from '../store/decisions.ts';
import { type Lease, readEvents } from '../store/events.ts';
import { inTime } from '../store/in-time.ts';
import { claimLease, findOrphanedWork, releaseLease } from '../store/leases.ts';
import { probeWrites } from '../store/probe-writes.ts';
import type { SlowLane } from '../store/slow-lane.ts';
import { FencedError, toStorageError } from '../store/storage-error.ts';
import { Chat } from './chat.ts';
import { ChatLog } from './chat-log.ts';
import { canContinue } from './continued-calls.ts';
import { afterInterruption } from './after-interruption.ts';
import { EventLines } from './event-lines.ts';
import { Feed } from './feed.ts';
import { HeadsElsewhere, type HeadsElsewhereParts } from './heads-elsewhere.ts';
import { Health } from './health.ts';
import { LeaseKeeper, type LeaseKeeperParts, leaseTtlMs } from './lease-keeper.ts';
import { ChatNotifier } from './chat-notifier.ts';
import { recoverChat } from './recovery.ts';
import { ask, databaseLost, elsewhere, shuttingDown, unknownChat, write } from './storage.ts';
import { wasAsked } from './unasked.ts';
import type { WaitLimits } from './waits.ts';

export interface HostParts extends Pick<LeaseKeeperParts, 'onRenewed'>, Pick<HeadsElsewhereParts, 'doorbell'> {
  hostId: string;
  sql: Sql;
  /** Connections of the leases' own: they are renewed whatever keeps the others busy. */
  leaseSql: Sql;
  /** For what takes long, such as the deletion of a long chat. */
  slow: SlowLane;
  clock: Clock;
  logger: Log;
  idleTimeoutMs: number;
  waitLimits: WaitLimits;
  /** The server's own files: no agent works in it, above it or below it. */
  dataDir: string;
  /** How many agent processes may start at the same time. */
  warmingAtOnce: number;
  /** Bytes that may wait for one reader before it is cut off. */
  readerBacklogBytes: number;
  readonly agents: AgentDirectory;
}

/** How often the host looks for work that nobody holds. */
const adoptEveryMs = 5_000;

interface Held {
  chat: Chat;
  log: ChatLog;
}

export class Host {
  readonly #parts: HostParts;
  readonly #held = new Map<string, Promise<Held>>();
  readonly #chats = new Map<string, Chat>();
  readonly #feeds = new Map<string, Feed>();
  readonly #headsElsewhere: HeadsElsewhere;
  readonly #leases: LeaseKeeper;
  readonly #health: Health;
  /** Chats that were dropped, perhaps in the middle of a turn, and why. */
  readonly #leftFor = new Map<string, { epoch: number; cause: BooError }>();
  readonly notifier = new ChatNotifier();
  readonly #limit: Limiter;
  readonly #lines: EventLines;
  /** For chats that were dropped: the end of their sessions, before which none is opened again here. */
  readonly #endings = new Map<string, Promise<void>>();
  /** Closings under way that nobody waits for. */
  readonly #closings = new Set<Promise<void>>();
  #cancelAdopt: (() => void) | undefined;
  #adopting: Promise<void> | undefined;
  #draining = false;
  #retries = true;

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.#lines = new EventLines(parts.logger);
    this.#limit = createLimiter(parts.warmingAtOnce);
    this.#headsElsewhere = new HeadsElsewhere({ ...parts, feeds: this.#feeds, isHeld: (id) => this.#held.has(id) });
    this.#leases = new LeaseKeeper({
      ...parts,
      sql: parts.leaseSql,
      held: () => new Map([...this.#chats].map(([chatId, chat]) => [chatId, chat.lease.epoch])),
      onLost: (chatId, epoch, why) => {
        const chat = this.#chats.get(chatId);
        if (chat?.lease.epoch === epoch) this.#letGo(chat, why === 'expired' ? databaseLost() : undefined);
      },
    });
    this.#health = new Health({
      clock: parts.clock,
      probe: () => probeWrites(parts.sql, parts.hostId),
      isStopping: () => this.#draining,
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

  get warmCount(): number {
    return [...this.#chats.values()].filter((chat) => chat.isWarm).length;
  }

  /** Claims work that dead hosts left, and keeps looking for it. Aborted, it drains. */
  async start(signal?: AbortSignal): Promise<void> {
    const giveUp = (): void => void this.drain();
    signal?.addEventListener('abort', giveUp, { once: true });
    this.#leases.start();
    await (this.#adopting = this.#adopt());
    signal?.removeEventListener('abort', giveUp);
  }

  /** Stops taking work, interrupts what runs, and releases every lease. Idempotent. */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#cancelAdopt?.();
    await this.#adopting;
    const held = await Promise.allSettled(this.#held.values());
    for (const each of held) {
      if (each.status === 'fulfilled') this.#track(this.#release(each.value));
    }
    await Promise.allSettled(this.#closings);
    for (const feed of this.#feeds.values()) feed.end('closing');
    await this.#headsElsewhere.stop();
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

  /** Claims the chat if nobody has it, to do one thing with it. */
  async use<T>(chatId: string, task: (chat: Chat) => Promise<T>): Promise<T> {
    for (;;) {
      const { chat } = await this.#hold(chatId);
      // It may have been released in this very moment: then it is claimed again.
      if (!chat.isStopped || this.#chats.get(chatId) === chat) return write(() => task(chat));
    }
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
    this.#feeds.get(chatId)?.end('deleted');
    this.#feeds.delete(chatId);
    this.notifier.deleted(chatId);
  }

  /** Where a chat's events are followed. */
  feed(chatId: string): Feed {
    if (this.#draining) throw shuttingDown();
    let feed = this.#feeds.get(chatId);
    if (!feed) {
      this.#sweepFeeds();
      const { sql, readerBacklogBytes } = this.#parts;
      const log = {
        read: (page: { after: number; limit: number }) => ask(() => readEvents(sql, chatId, page)),
        head: async () => (await ask(() => findChat(sql, chatId)))?.head ?? 0,
      };
      feed = new Feed(log, { backlogBytes: readerBacklogBytes });
      this.#feeds.set(chatId, feed);
    }
    if (!this.#held.has(chatId)) this.#headsElsewhere.arm();
    return feed;
  }

  /** Feeds that nobody reads and nobody writes to are forgotten when the next one is made. */
  #sweepFeeds(): void {
    for (const [chatId, feed] of this.#feeds) {
      if (feed.readerCount === 0 && !this.#held.has(chatId)) this.#feeds.delete(chatId);
    }
  }

  /** The chat, claimed if nobody has it. */
  #hold(chatId: string): Promise<Held> {
    if (this.#draining) return Promise.reject(shuttingDown());
    let held = this.#held.get(chatId);
    if (!held) {
      held = this.#take(chatId);
      this.#held.set(chatId, held);
      held.catch(() => this.#held.delete(chatId));
    }
    return held;
  }

  async #take(chatId: string): Promise<Held> {
    const { sql, hostId, clock, logger, idleTimeoutMs, waitLimits } = this.#parts;
    const lease = await ask(() => claimLease(sql, chatId, hostId, leaseTtlMs));
    if (!lease) {
      if (await ask(() => findChat(sql, chatId))) throw await elsewhere(sql, chatId);
      throw unknownChat();
    }
    logger.info({ chatId, epoch: lease.epoch }, 'A chat was claimed: its lease is ours.');
    this.notifier.leaseChanged(chatId);
    let chat: Chat | undefined;
    let row: ChatRow | null;
    let openDecisions: OpenDecision[] = [];
    const log = new ChatLog({
      sql,
      lease,
      feed: this.feed(chatId),
      clock,
      logger,
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
    const left = this.#leftFor.get(chatId);
    // Otherwise another host has held it in the meantime.
    const cause = left?.epoch === lease.epoch - 1 ? left.cause : undefined;
    try {
      await write(() => this.#recover(log, cause));
      this.#leftFor.delete(chatId);
      // Read only now, so that it includes what the recovery has stored.
      row = await ask(() => findChat(sql, chatId));
      if (!row) throw unknownChat();
      if (row.isAsking || row.hasAnswer) openDecisions = await ask(() => findOpenDecisions(sql, chatId));
    } catch (error) {
      if (cause) this.#leftFor.set(chatId, { epoch: lease.epoch, cause });
      // A host that cannot write must not keep the chat. If this fails too, the lease expires.
      this.#track(this.#giveBack(lease));
      throw error;
    }
    const taken = new Chat({
      sql,
      row,
      openDecisions,
      log,
      clock,
      logger,
      idleTimeoutMs,
      waitLimits,
      dataDir: this.#parts.dataDir,
      agents: this.#parts.agents,
      warmLimiter: this.#limit,
      before: this.#endings.get(chatId),
      // Once it has left, others may have changed it.
      onChanged: () => this.#chats.get(chatId) === taken && this.notifier.changed(chatId, () => taken.view),
      onRest: () => this.#track(this.#release({ chat: taken, log })),
      onGivenUp: (error) => this.#letGo(taken, error),
    });
    chat = taken;
    this.#chats.set(chatId, taken);
    this.notifier.tookOver(taken, openDecisions);
    taken.wake();
    return { chat: taken, log };
  }

  /** Finishes what the last holder left open. */
  #recover(log: ChatLog, cause: BooError | undefined): Promise<void> {
    const { sql, logger, hostId, agents } = this.#parts;
    const { lease } = log;
    const find = () => ask(() => findChat(sql, lease.chatId));
    return recoverChat({
      sql,
      log,
      hostId,
      cause,
      createTraces: async () => agents.agentFor((await find())?.agent ?? agents.default.name).createTurnTraces(),
      wasAsked: async (turnId, prompt) => {
        const chat = await find();
        return chat === null || wasAsked({ sql, lease, chat, logger, agents }, turnId, prompt);
      },
      canContinue: async (decision) => {
        const row = await find();
        return row !== null && canContinue({ sql, log, agents, settings: { row } }, decision);
      },
      afterInterruption: async (turnId) => {
        const row = await find();
        if (!row) throw unknownChat();
        return afterInterruption(agents, row, { turnId, starts: row.continuation?.starts ?? 0 });
      },
      onLeft: (decisions) => this.notifier.left(decisions),
    });
  }

  /** Releases a chat: its session ends cleanly, and its lease is free immediately. */
  async #release({ chat, log }: Held): Promise<void> {
    // A cold chat has nothing left to end: from here on, the next request claims it again.
    if (!chat.isWarm) this.#forget(chat);
    await chat.stop();
    this.#forget(chat);
    await this.#giveBack(log.lease);
    this.#parts.logger.info({ chatId: chat.id, epoch: log.lease.epoch }, 'A chat is cold: its lease was released.');
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
    this.#track(letGo.then(() => this.#giveBack(chat.lease)));
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
    this.#headsElsewhere.arm();
    if (!isTaken) this.notifier.changed(chat.id, () => chat.viewAtRest);
  }

  async #adopt(): Promise<void> {
    try {
      for (const chatId of await inTime(findOrphanedWork(this.#parts.sql, 100))) {
        // Another host may be quicker, which is just as good.
        await this.#hold(chatId).catch((error: unknown) => {
          if (!(error instanceof BooError))
            this.#parts.logger.error({ chatId, err: error }, 'A chat could not be claimed.');
        });
      }
    } catch (error) {
      this.#parts.logger.warn({ err: error }, 'The search for unclaimed work failed.');
    }
    if (this.#draining) return;
    this.#cancelAdopt = this.#parts.clock.after(adoptEveryMs, () => {
      this.#adopting = this.#adopt();
    });
  }

  /** Waits before a write is tried again; false once the leases may not be trusted any more. */
  #retry(attempt: number): Promise<boolean> {
    const delayMs = Math.min(50 * 2 ** (attempt - 1), 1_000);
    return new Promise((resolve) =>
      this.#parts.clock.after(delayMs, () => resolve(this.#retries && this.#leases.isTrusted)),
    );
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#parts.logger.error({ err: error }, 'A chat could not be closed cleanly.'))
      .finally(() => this.#closings.delete(tracked));
    this.#closings.add(tracked);
  }
}
