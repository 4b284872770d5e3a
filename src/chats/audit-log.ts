/**
 * The log of what people did.
 *
 * A row is written after the act, when its outcome is known, and the answer waits for it, but no longer than `waitMs`: a
 * database that is away delays nobody and fails no request. Rows then wait here, in order, and are written as soon as it is
 * back. What cannot be kept any more, because there are too many or the process ends, goes to the server's own log.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { AuditEntry, AuditPage } from '../protocol/audit.ts';
import type { Principal } from '../protocol/principal.ts';
import { appendAudit, type AuditFilter, type AuditRow, selectAudit, toAuditEntry } from '../store/audit-log.ts';
import type { Sql } from '../store/database.ts';
import { inTime } from '../store/in-time.ts';
import { troubleOf } from '../store/storage-error.ts';
import type { SlowLane } from '../store/slow-lane.ts';

/** An act, as whoever saw it tells it. */
export interface Act {
  person: Principal | null;
  via?: string | null;
  source?: string | null;
  act: string;
  chatId?: string | null;
  outcome: AuditEntry['outcome'];
  code?: string | null;
  count?: number;
  details?: Readonly<Record<string, unknown>>;
}

export interface Audit {
  /** Resolves when it is stored, or when waiting longer would be noticed. Never throws. */
  note(act: Act): Promise<void>;
  page(filter: AuditFilter, signal?: AbortSignal): Promise<AuditPage>;
  /** Everything that matches, page by page as it is consumed. */
  all(filter: Omit<AuditFilter, 'limit'>): AsyncGenerator<AuditEntry[], void, undefined>;
}

export interface AuditLimits {
  waitMs: number;
  retryMs: number;
  /** How many rows may wait for the database. */
  waiting: number;
  /** How many are written in one statement. */
  batch: number;
  closeMs: number;
}

export const auditLimits: AuditLimits = { waitMs: 250, retryMs: 1_000, waiting: 20_000, batch: 500, closeMs: 2_500 };

export interface AuditParts {
  sql: Sql;
  slow: SlowLane;
  clock: Clock;
  logger: Log;
  host: string;
  limits?: Partial<AuditLimits>;
}

interface Waiting {
  row: Omit<AuditRow, 'ageMs'>;
  atMs: number;
  stored: () => void;
}

const exportPage = 1_000;
const late = 'The audit log could not be searched in time: ask for a shorter time.';

export class AuditLog implements Audit {
  readonly #parts: AuditParts;
  readonly #limits: AuditLimits;
  #waiting: Waiting[] = [];
  #isWriting = false;
  #writing: Promise<void> | undefined;
  #isFailing = false;
  #isClosed = false;
  #wakeUp = (): void => {};

  constructor(parts: AuditParts) {
    this.#parts = parts;
    this.#limits = { ...auditLimits, ...parts.limits };
  }

  note({ via = null, source = null, chatId = null, code = null, count = 1, details = {}, ...act }: Act): Promise<void> {
    const { clock, host } = this.#parts;
    const row = { id: randomUUID(), via, source, host, chatId, code, count, details, ...act };
    if (this.#isClosed || this.#waiting.length >= this.#limits.waiting) {
      this.#tellLost([row]);
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const cancel = clock.after(this.#limits.waitMs, resolve);
      const stored = (): void => {
        cancel();
        resolve();
      };
      this.#waiting.push({ row, atMs: clock.monotonicMs(), stored });
      if (!this.#isWriting) this.#writing = this.#write();
    });
  }

  /** Stores what waits, if the database can be reached. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wakeUp();
    try {
      if (this.#writing) await inTime(this.#writing, this.#limits.closeMs);
    } catch {
      // The database does not answer.
    }
    const left = this.#waiting;
    this.#waiting = [];
    this.#tellLost(left.map(({ row }) => row));
    for (const { stored } of left) stored();
  }

  async page(filter: AuditFilter, signal?: AbortSignal): Promise<AuditPage> {
    const rows = await this.#parts.slow.ask((db) => selectAudit(db, filter), { signal, late });
    const last = rows.length === filter.limit ? rows.at(-1) : undefined;
    return { items: rows.map(toAuditEntry), next: last ? String(last.seq) : null };
  }

  async *all(filter: Omit<AuditFilter, 'limit'>): AsyncGenerator<AuditEntry[], void, undefined> {
    let { after } = filter;
    for (;;) {
      const { items, next } = await this.page({ ...filter, after, limit: exportPage });
      if (items.length > 0) yield items;
      if (next === null) return;
      after = Number(next);
    }
  }

  /** Until nothing waits: one statement at a time, with all that has come meanwhile. */
  async #write(): Promise<void> {
    const { sql, clock, logger } = this.#parts;
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, this.#limits.batch);
      const nowMs = clock.monotonicMs();
      try {
        await inTime(
          appendAudit(
            sql,
            batch.map(({ row, atMs }) => ({ ...row, ageMs: nowMs - atMs })),
          ),
        );
        this.#waiting = this.#waiting.slice(batch.length);
        for (const { stored } of batch) stored();
        if (this.#isFailing) logger.info({}, 'The audit log is written again.');
        this.#isFailing = false;
      } catch (err) {
        if (!troubleOf(err)) {
          // It would be refused for ever, and all others with it.
          logger.error({ err }, 'The database refuses entries of the audit log.');
          this.#waiting = this.#waiting.slice(batch.length);
          this.#tellLost(batch.map(({ row }) => row));
          for (const { stored } of batch) stored();
          continue;
        }
        if (!this.#isFailing) logger.warn({ err }, 'The audit log cannot be written now: its entries wait.');
        this.#isFailing = true;
        if (this.#isClosed) return;
        await this.#pause();
      }
    }
    // In the same moment in which nothing waits: what comes next starts it again.
    this.#isWriting = false;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(this.#limits.retryMs, resolve);
      this.#wakeUp = () => {
        cancel();
        resolve();
      };
    });
  }

  #tellLost(rows: readonly object[]): void {
    for (const entry of rows) this.#parts.logger.error({ entry }, 'An entry could not be stored in the audit log.');
  }
}
