/**
 * Whose a token is, from the database, which is asked about all that is unknown with one query at a time, however many wrong
 * tokens come. What is valid is known for some seconds. It is looked at again all the while, so that what ends on another
 * host, or with time, ends here, too, and with it the connections that were opened by it.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { findTokens, type TokenRow, touchTokens } from '../store/access-tokens.ts';
import { ask } from '../store/ask.ts';
import type { Sql } from '../store/database.ts';
import { digestOf, type Grant, grantOf, looksLikeToken } from './grant.ts';

/** How often what is known is looked at again. */
const lookEveryMs = 5_000;
/** How old an answer may be. */
const freshForMs = 10_000;
/** A secret that is unknown stays so: nobody can choose one. */
const maxUnknown = 10_000;
const maxAtOnce = 500;
const touchEveryMs = 60_000;

export type IsEnded = (grant: Grant) => boolean;

interface Known {
  grant: Grant;
  row: TokenRow;
  checkedAtMs: number;
}

interface Waiting {
  promise: Promise<Grant | undefined>;
  resolve: (grant: Grant | undefined) => void;
  reject: (error: unknown) => void;
}

export interface GrantsParts {
  sql: Sql;
  clock: Clock;
  logger: Log;
}

export class Grants {
  readonly #parts: GrantsParts;
  readonly #known = new Map<string, Known>();
  /** The oldest first. */
  readonly #unknown = new Set<string>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #ended = new WeakSet<Grant>();
  readonly #used = new Set<string>();
  readonly #touchedAtMs = new Map<string, number>();
  readonly #observers: ((isEnded: IsEnded) => void)[] = [];
  #isAsking = false;
  /** Grows whenever something was ended here: an answer from before that no longer counts. */
  #endings = 0;
  #cancel: (() => void) | undefined;
  #isStopped = false;
  #isFailing = false;

  constructor(parts: GrantsParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#isStopped) return;
    this.#cancel = this.#parts.clock.after(lookEveryMs, () => void this.look().finally(() => this.start()));
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  /** Called whenever something has ended, with what says so of each grant. */
  observe(onEnded: (isEnded: IsEnded) => void): void {
    this.#observers.push(onEnded);
  }

  /** Undefined if it is nobody's valid token. Throws `storage_unavailable`. */
  async find(token: string): Promise<Grant | undefined> {
    if (!looksLikeToken(token)) return undefined;
    const digest = digestOf(token);
    if (this.#unknown.has(digest)) return undefined;
    const known = this.#known.get(digest);
    const isFresh = known !== undefined && this.#nowMs - known.checkedAtMs < freshForMs;
    const grant = isFresh ? known.grant : await this.#ask(digest);
    if (grant && typeof grant.by === 'object') this.#noteUse(grant.by.id);
    return grant;
  }

  isEnded(grant: Grant): boolean {
    return this.#ended.has(grant);
  }

  /** Ends these at once, on this host. What is stored has to say so already. */
  end(isEnded: IsEnded): void {
    this.#endings += 1;
    for (const [digest, { grant }] of this.#known) {
      if (!isEnded(grant)) continue;
      this.#known.delete(digest);
      this.#ended.add(grant);
    }
    for (const tell of this.#observers) tell(isEnded);
  }

  /** Looks again at what is known, and writes down what was used. */
  async look(): Promise<void> {
    try {
      await this.flush();
      const digests = [...this.#known.keys()];
      for (let at = 0; at < digests.length; at += maxAtOnce) await this.#read(digests.slice(at, at + maxAtOnce));
      this.#isFailing = false;
    } catch (err) {
      if (!this.#isFailing) this.#parts.logger.warn({ err }, 'Access tokens could not be looked at; trying again.');
      this.#isFailing = true;
    }
  }

  /** Writes down what was used, at most once a minute for each. */
  async flush(): Promise<void> {
    const ids = [...this.#used];
    if (ids.length === 0) return;
    this.#used.clear();
    await ask(() => touchTokens(this.#parts.sql, ids));
    for (const id of ids) this.#touchedAtMs.set(id, this.#nowMs);
  }

  get #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }

  #noteUse(id: string): void {
    if (this.#nowMs - (this.#touchedAtMs.get(id) ?? -Infinity) >= touchEveryMs) this.#used.add(id);
  }

  #ask(digest: string): Promise<Grant | undefined> {
    const waiting = this.#waiting.get(digest) ?? createWaiting();
    this.#waiting.set(digest, waiting);
    void this.#askAll();
    return waiting.promise;
  }

  async #askAll(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, maxAtOnce);
      for (const [digest] of batch) this.#waiting.delete(digest);
      try {
        await this.#read(batch.map(([digest]) => digest));
        for (const [digest, { resolve }] of batch) resolve(this.#known.get(digest)?.grant);
      } catch (error) {
        for (const [, { reject }] of batch) reject(error);
      }
    }
    this.#isAsking = false;
  }

  async #read(digests: readonly string[]): Promise<void> {
    for (;;) {
      const endings = this.#endings;
      const checkedAtMs = this.#nowMs;
      const rows = await ask(() => findTokens(this.#parts.sql, digests));
      if (endings !== this.#endings) continue;
      const found = new Map(rows.map((row) => [row.digest, row]));
      for (const digest of digests) this.#note(digest, found.get(digest), checkedAtMs);
      return;
    }
  }

  #note(digest: string, row: TokenRow | undefined, checkedAtMs: number): void {
    const known = this.#known.get(digest);
    if (row && known && isSame(known.row, row)) {
      known.checkedAtMs = checkedAtMs;
      return;
    }
    if (row) this.#known.set(digest, { grant: grantOf(row), row, checkedAtMs });
    else {
      this.#known.delete(digest);
      this.#unknown.add(digest);
      for (const old of this.#unknown) if (this.#unknown.size > maxUnknown) this.#unknown.delete(old);
    }
    if (!known) return;
    this.#ended.add(known.grant);
    for (const tell of this.#observers) tell((grant) => grant === known.grant);
  }
}

/** Whether both give the same to the same person. */
function isSame(one: TokenRow, other: TokenRow): boolean {
  return one.role === other.role && one.personRole === other.personRole && one.personName === other.personName;
}

function createWaiting(): Waiting {
  let [resolve, reject]: [Waiting['resolve'], Waiting['reject']] = [() => {}, () => {}];
  const promise = new Promise<Grant | undefined>((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
}
