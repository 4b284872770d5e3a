/**
 * Keeps this host's leases alive, and knows when it may no longer trust them.
 *
 * A lease lasts 15 s by the database's clock and is renewed every 5 s. A host that has not been able to renew for 9 s by
 * its own monotonic clock lets everything go, well before another host may take over: so no chat ever has two agents.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Sql } from '../store/database.ts';
import { inTime } from '../store/in-time.ts';
import { renewLeases } from '../store/leases.ts';

export const leaseTtlMs = 15_000;
const renewEveryMs = 5_000;
const selfFenceMs = 9_000;
const renewLimitMs = 3_000;

export interface LeaseKeeperParts {
  sql: Sql;
  hostId: string;
  clock: Clock;
  logger: Log;
  /** The chats that this host believes it holds, with their epochs. */
  held(): Map<string, number>;
  /** Not ours any more at that epoch, or soon perhaps another's: it must be let go now. */
  onLost(chatId: string, epoch: number): void;
}

export class LeaseKeeper {
  readonly #parts: LeaseKeeperParts;
  #renewedAtMs: number;
  #cancelRenewal: (() => void) | undefined;
  #cancelWatch: (() => void) | undefined;
  #renewing: Promise<void> | undefined;
  #expired = false;
  #stopped = false;

  constructor(parts: LeaseKeeperParts) {
    this.#parts = parts;
    this.#renewedAtMs = parts.clock.monotonicMs();
  }

  start(): void {
    this.#schedule();
  }

  /** Whether leases may still be relied on. */
  get isTrusted(): boolean {
    return !this.#stopped && this.#parts.clock.monotonicMs() - this.#renewedAtMs < selfFenceMs;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRenewal?.();
    this.#cancelWatch?.();
    await this.#renewing;
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#cancelRenewal = this.#parts.clock.after(this.isTrusted ? renewEveryMs : 1_000, () => {
      this.#renewing = this.#renew().finally(() => this.#schedule());
    });
    // The renewal itself may hang on a half-open connection: the watch does not wait for it.
    this.#watch();
  }

  #watch(): void {
    const leftMs = selfFenceMs - (this.#parts.clock.monotonicMs() - this.#renewedAtMs);
    this.#cancelWatch?.();
    this.#cancelWatch = this.#parts.clock.after(Math.max(leftMs, 0), () => {
      if (this.#stopped || this.#expired || this.isTrusted) return;
      this.#expired = true;
      this.#parts.logger.error({}, 'The leases could not be renewed in time; every chat is let go.');
      for (const [chatId, epoch] of this.#parts.held()) this.#parts.onLost(chatId, epoch);
    });
  }

  async #renew(): Promise<void> {
    const { sql, hostId, clock, logger } = this.#parts;
    // Taken before the question: the lease runs from then at the latest.
    const askedAtMs = clock.monotonicMs();
    const believed = this.#parts.held();
    try {
      const held = await inTime(renewLeases(sql, hostId, [...believed.keys()], leaseTtlMs), renewLimitMs);
      this.#renewedAtMs = askedAtMs;
      this.#expired = false;
      for (const [chatId, epoch] of believed) if (held.get(chatId) !== epoch) this.#parts.onLost(chatId, epoch);
    } catch (error) {
      logger.warn({ err: error }, 'The leases could not be renewed.');
    }
  }
}
