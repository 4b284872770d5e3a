import type { Clock } from '../lib/clock.ts';
import type { HealthReason } from '../protocol/info.ts';
import { inTime } from '../store/in-time.ts';
import { troubleOf } from '../store/storage-error.ts';

/** Less than load balancers and our own command line wait for an answer. */
const limitMs = 2_000;
/** The driver may never settle a query on a dying connection. */
const giveUpMs = 3_000;
/** Anyone may ask, and each check is a write. */
const freshMs = 1_000;

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
  /** The last answer came, but too late: a database that is slow rather than away. */
  #isLate = false;

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
    this.#probing ??= inTime(this.#probe(), giveUpMs).finally(() => (this.#probing = undefined));
    try {
      await inTime(this.#probing, limitMs);
      return null;
    } catch (error) {
      const trouble = troubleOf(error) ?? 'refuses';
      // Silence may have either cause.
      return trouble === 'slow' && !this.#isLate ? 'database_unreachable' : `database_${trouble}`;
    }
  }

  async #probe(): Promise<void> {
    const { clock } = this.#parts;
    const askedAtMs = clock.monotonicMs();
    const settled = (isAnswered: boolean): void => {
      this.#isLate = isAnswered && clock.monotonicMs() - askedAtMs >= limitMs;
    };
    await this.#parts.probe().then(
      () => settled(true),
      (error: unknown) => {
        settled(false);
        throw error;
      },
    );
  }
}
