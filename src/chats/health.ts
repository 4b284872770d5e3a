import type { Clock } from '../lib/clock.ts';
import type { HealthReason } from '../protocol/info.ts';
import { inTime } from '../store/in-time.ts';
import { troubleOf, type StorageTrouble } from '../store/storage-error.ts';

/** Below what a load balancer or our own command line waits for an answer. */
const limitMs = 2_000;
/** The driver may never answer what it gave to a dying connection. */
const giveUpMs = 3_000;
/** Anybody may ask, and each look is a write. */
const freshMs = 1_000;

const reasons: Record<StorageTrouble, HealthReason> = {
  unreachable: 'database_unreachable',
  read_only: 'database_read_only',
  full: 'database_full',
  refuses: 'database_refuses',
};

export interface HealthParts {
  clock: Clock;
  /** Rejects where the database takes no write. */
  probe(): Promise<void>;
  readonly isStopping: () => boolean;
  /** Whether the leases of this host's chats may be relied on. */
  readonly isTrusted: () => boolean;
}

/** Whether this host can serve, and if not why. That all was well is believed for a second. */
export class Health {
  readonly #parts: HealthParts;
  #probing: Promise<void> | undefined;
  #goodAtMs: number | undefined;

  constructor(parts: HealthParts) {
    this.#parts = parts;
  }

  /** Why not; null where all is well. Answers within two seconds, and never rejects. */
  async check(): Promise<HealthReason | null> {
    const { clock, isStopping, isTrusted } = this.#parts;
    if (isStopping()) return 'stopping';
    const nowMs = clock.monotonicMs();
    if (this.#goodAtMs === undefined || nowMs - this.#goodAtMs >= freshMs) {
      const trouble = await this.#look();
      if (trouble) return trouble;
      this.#goodAtMs = nowMs;
    }
    return isTrusted() ? null : 'leases_expired';
  }

  async #look(): Promise<HealthReason | null> {
    // What nobody has answered yet is not asked once more, until it is given up.
    this.#probing ??= inTime(this.#parts.probe(), giveUpMs).finally(() => (this.#probing = undefined));
    try {
      await inTime(this.#probing, limitMs);
      return null;
    } catch (error) {
      return reasons[troubleOf(error) ?? 'refuses'];
    }
  }
}
