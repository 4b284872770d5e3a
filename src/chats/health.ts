import type { Clock } from '../lib/clock.ts';
import type { HealthReason } from '../protocol/info.ts';
import { inTime } from '../store/in-time.ts';
import { troubleOf, type StorageTrouble } from '../store/storage-error.ts';

/** Less than load balancers and our own command line wait for an answer. */
const limitMs = 2_000;
/** The driver may never settle a query on a dying connection. */
const giveUpMs = 3_000;
/** Anyone may ask, and each check is a write. */
const freshMs = 1_000;

const reasons: Record<StorageTrouble, HealthReason> = {
  unreachable: 'database_unreachable',
  read_only: 'database_read_only',
  full: 'database_full',
  refuses: 'database_refuses',
};

export interface HealthParts {
  clock: Clock;
  /** Rejects if the database accepts no writes. */
  probe(): Promise<void>;
  /** Why it takes no work, whatever the database says; null if it does. */
  readonly refuses: () => HealthReason | null;
  /** Whether the leases of this host's chats may be relied on. */
  readonly isTrusted: () => boolean;
}

/** Whether this host can serve, and if not why. A good result is cached for a second. */
export class Health {
  readonly #parts: HealthParts;
  #probing: Promise<void> | undefined;
  #goodAtMs: number | undefined;

  constructor(parts: HealthParts) {
    this.#parts = parts;
  }

  /** The reason if it cannot; null if all is well. Answers within two seconds, and never rejects. */
  async check(): Promise<HealthReason | null> {
    const { clock, refuses, isTrusted } = this.#parts;
    const refusal = refuses();
    if (refusal) return refusal;
    const nowMs = clock.monotonicMs();
    if (this.#goodAtMs === undefined || nowMs - this.#goodAtMs >= freshMs) {
      const trouble = await this.#look();
      if (trouble) return trouble;
      this.#goodAtMs = nowMs;
    }
    return isTrusted() ? null : 'leases_expired';
  }

  async #look(): Promise<HealthReason | null> {
    // A pending check is not repeated until it is given up.
    this.#probing ??= inTime(this.#parts.probe(), giveUpMs).finally(() => (this.#probing = undefined));
    try {
      await inTime(this.#probing, limitMs);
      return null;
    } catch (error) {
      return reasons[troubleOf(error) ?? 'refuses'];
    }
  }
}
