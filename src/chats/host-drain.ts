/**
 * Hands a host's chats over in order: nothing new starts, what runs may finish within a limit, and each chat is released
 * as soon as nothing runs in it. Readers stay. The host takes no chat until that is taken back.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { DrainStatus } from '../protocol/host.ts';
import type { Sql } from '../store/database.ts';
import { markDraining } from '../store/hosts.ts';
import { inTime } from '../store/in-time.ts';
import type { Chat } from './chat.ts';
import type { Draining } from './chats.ts';
import { ask } from './storage.ts';

export interface HostDrainParts<H extends { chat: Chat }> {
  sql: Sql;
  hostId: string;
  clock: Clock;
  logger: Log;
  /** How long running turns may take to finish, unless the request says so. */
  drainMs: number;
  /** The chats that the host holds, or is claiming. */
  readonly held: ReadonlyMap<string, Promise<H>>;
  /** Ends what runs in the chat, and gives its lease back. Never rejects. */
  readonly release: (held: H) => Promise<void>;
}

interface Drain {
  readonly limit: AbortController;
  until: Date;
  cancelLimit: () => void;
  /** Other hosts can see it, or could not be told. */
  readonly told: Promise<void>;
  done: Promise<void>;
  isDone: boolean;
}

export class HostDrain<H extends { chat: Chat }> implements Draining {
  readonly #parts: HostDrainParts<H>;
  /** Chats in which something may still finish. */
  readonly #winding = new Set<Chat>();
  #drain: Drain | undefined;

  constructor(parts: HostDrainParts<H>) {
    this.#parts = parts;
  }

  /** The host takes no chats. */
  get isOn(): boolean {
    return this.#drain !== undefined;
  }

  /**
   * Resolves when the host holds nothing, or the drain is taken back. What still runs after the limit is stopped. Called
   * again, it only sets another limit, from now on.
   */
  start(limitMs = this.#parts.drainMs): Promise<void> {
    const { clock } = this.#parts;
    const drain = (this.#drain ??= this.#begin(limitMs));
    drain.cancelLimit();
    drain.until = new Date(clock.now().getTime() + limitMs);
    if (limitMs === 0) drain.limit.abort();
    else if (!drain.isDone) drain.cancelLimit = clock.after(limitMs, () => drain.limit.abort());
    return drain.done;
  }

  /** The host takes chats again; what has not been released stays. */
  async cancel(): Promise<void> {
    const { sql, hostId, logger } = this.#parts;
    await this.#drain?.told;
    if (!this.#drain) return;
    await ask(() => markDraining(sql, hostId, false));
    this.#drain?.cancelLimit();
    this.#drain = undefined;
    for (const chat of this.#winding) chat.reopen();
    logger.info({}, 'This host takes chats again.');
  }

  get status(): DrainStatus {
    if (!this.#drain) return { state: 'off', until: null, left: 0, running: [] };
    const running = [...this.#winding].map(({ view: { id, title, state } }) => ({ id, title, state }));
    const until = this.#drain.until.toISOString();
    return { state: this.#drain.isDone ? 'drained' : 'draining', until, left: this.#parts.held.size, running };
  }

  #begin(limitMs: number): Drain {
    const { sql, hostId, clock, logger } = this.#parts;
    logger.info({ limitMs }, 'This host hands its chats over, and takes none.');
    const told = inTime(markDraining(sql, hostId, true)).catch((err: unknown) =>
      logger.warn({ err }, 'Other hosts could not be told that this one hands its chats over.'),
    );
    const drain: Drain = {
      limit: new AbortController(),
      until: clock.now(),
      cancelLimit: () => {},
      told,
      done: Promise.resolve(),
      isDone: false,
    };
    drain.done = this.#run(drain);
    return drain;
  }

  async #run(drain: Drain): Promise<void> {
    const chats = await Promise.allSettled(this.#parts.held.values());
    const handedOver = chats.map((each) =>
      each.status === 'fulfilled' ? this.#handOver(each.value, drain) : undefined,
    );
    await Promise.all([drain.told, ...handedOver]);
    drain.cancelLimit();
    drain.isDone = true;
  }

  async #handOver(held: H, { limit }: Drain): Promise<void> {
    const { chat } = held;
    this.#winding.add(chat);
    try {
      await chat.windDown(limit.signal);
      if (chat.isStopped) await this.#parts.release(held);
    } finally {
      this.#winding.delete(chat);
    }
  }
}
