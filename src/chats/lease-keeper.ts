/**
 * Keeps this host's leases alive, and knows when it may no longer trust them.
 *
 * A lease lasts 15 s by the database's clock and is renewed every 5 s; a failed renewal is retried at once. A host that
 * has not been able to renew for 9 s by its own monotonic clock drops every chat, well before another host may take
 * over, so no chat ever has two agents. A host that slept through that moment is too late for this: when it wakes it
 * asks first, and drops only the chats that another host has taken. Until then the epoch keeps it from writing.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Sql } from '../store/database.ts';
import { inTime } from '../store/in-time.ts';
import { renewLeases } from '../store/leases.ts';

export const leaseTtlMs = 15_000;
const renewEveryMs = 5_000;
const retryAfterMs = 250;
const retryLaterMs = 1_000;
const selfFenceMs = 9_000;
/** The watch never runs this late in a process that is awake. */
const sleptMs = 1_000;
/** How long a host that slept may take to renew its leases. */
const wakeLimitMs = 4_000;
const renewLimitMs = 3_000;

export interface LeaseKeeperParts {
  sql: Sql;
  hostId: string;
  clock: Clock;
  logger: Log;
  /** The chats that this host believes it holds, with their epochs. */
  held(): Map<string, number>;
  /** The leases were renewed, or there are none yet. */
  readonly onRenewed?: () => void;
  /**
   * No longer ours at that epoch, or about to be another host's: it must be dropped now. `cause`: why the last renewal
   * failed; it may still be waiting for its answer.
   */
  onLost(chatId: string, epoch: number, why: 'expired' | 'taken', cause?: unknown): void;
}

export class LeaseKeeper {
  readonly #parts: LeaseKeeperParts;
  /** When the leases are no longer trusted, unless they are renewed before. */
  #deadlineMs: number;
  #cancelRenewal: (() => void) | undefined;
  #cancelWatch: (() => void) | undefined;
  #renewing: Promise<void> | undefined;
  #expired = false;
  /** Why the last renewal failed, if it did. */
  #failure: { cause: unknown } | undefined;
  #stopped = false;

  constructor(parts: LeaseKeeperParts) {
    this.#parts = parts;
    this.#deadlineMs = parts.clock.monotonicMs() + selfFenceMs;
  }

  start(): void {
    this.#parts.onRenewed?.();
    this.#schedule(renewEveryMs);
  }

  /** Whether leases may still be relied on. */
  get isTrusted(): boolean {
    return !this.#stopped && !this.#expired;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRenewal?.();
    this.#cancelWatch?.();
    await this.#renewing;
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    this.#cancelRenewal?.();
    this.#cancelRenewal = this.#parts.clock.after(delayMs, () => {
      this.#renewing = this.#renew().then((isFresh) => {
        this.#renewing = undefined;
        this.#schedule(isFresh ? renewEveryMs : this.#expired ? retryLaterMs : retryAfterMs);
      });
    });
    // The renewal itself may hang on a half-open connection: the watch does not wait for it.
    this.#watch();
  }

  #watch(): void {
    const { clock } = this.#parts;
    this.#cancelWatch?.();
    if (this.#expired) return;
    this.#cancelWatch = clock.after(Math.max(this.#deadlineMs - clock.monotonicMs(), 0), () => {
      if (this.#stopped) return;
      const nowMs = clock.monotonicMs();
      if (nowMs - this.#deadlineMs < sleptMs) return this.#expire();
      this.#parts.logger.warn({ forMs: Math.round(nowMs - this.#deadlineMs) }, 'This process was asleep.');
      this.#deadlineMs = nowMs + wakeLimitMs;
      // A renewal under way has slept too; its answer counts from when it was asked for.
      if (this.#renewing) this.#watch();
      else this.#schedule(0);
    });
  }

  #expire(): void {
    this.#expired = true;
    this.#parts.logger.error({}, 'The leases could not be renewed in time; dropping every chat.');
    for (const [chatId, epoch] of this.#parts.held()) {
      this.#parts.onLost(chatId, epoch, 'expired', this.#failure?.cause);
    }
  }

  /** Whether the leases were renewed recently enough: not if the answer took long, for instance because of a sleep. */
  async #renew(): Promise<boolean> {
    const { sql, hostId, clock, logger } = this.#parts;
    // Taken before the question: the lease lasts at least as long from here on.
    const askedAtMs = clock.monotonicMs();
    const believed = this.#parts.held();
    try {
      const held = await inTime(renewLeases(sql, hostId, [...believed.keys()], leaseTtlMs), renewLimitMs);
      this.#deadlineMs = Math.max(this.#deadlineMs, askedAtMs + selfFenceMs);
      this.#expired = false;
      this.#parts.onRenewed?.();
      for (const [chatId, epoch] of believed) {
        if (held.get(chatId) !== epoch) this.#parts.onLost(chatId, epoch, 'taken');
      }
      if (this.#failure) logger.info({}, 'The leases are renewed again.');
      this.#failure = undefined;
      return clock.monotonicMs() - askedAtMs < renewEveryMs;
    } catch (error) {
      if (!this.#failure) logger.warn({ err: error }, 'The leases could not be renewed; trying again.');
      this.#failure = { cause: error };
      return false;
    }
  }
}
