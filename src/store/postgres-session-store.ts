/**
 * The Claude Agent SDK's SessionStore over two Postgres tables (migrations/session-store). It is self-contained: any
 * `postgres` client will do, whatever its types and transforms, because parameters are text and results are read raw.
 *
 * A session's writers are serialized. One advisory lock per session, taken inside the write and held until its commit,
 * puts batches in commit order and keeps each together; within one store, calls also run in the order they were made.
 *
 * Every write is one statement. A transaction would be no safer, and the driver cannot survive one: when the connection
 * dies inside `begin` or `reserve`, it throws where nobody can catch it, and the process ends.
 *
 * But a statement sees the database as it was before it waited for the lock. So no statement trusts its snapshot: it
 * takes effect only if the session's summary is still the one it was based on (an update reads the row's newest
 * version) and no uuid exists yet (as the unique index knows). Otherwise another writer was faster, and the write is
 * retried.
 *
 * A summary is folded in JavaScript, from the previous one and the new entries. Since the SDK waits for an append at
 * every frame, the first try assumes the last summary this store saw and all entries as new: one round trip. Only if
 * that fails (or for the first batch) does it query what is stored.
 */
import type {
  FoldSummary,
  SessionKey,
  SessionStore,
  SessionStoreEntry,
  SessionSummaryEntry,
} from '../protocol/session-store.ts';
import type postgres from 'postgres';
import { BooError } from '../protocol/error.ts';
import { entriesOf, fold, fromColumn, text, toBatch, toColumn, toColumns, uuidsOf } from './session-store-rows.ts';
import type { Batch, KeyColumns } from './session-store-rows.ts';
import { checkSchema, defaultSchema } from './schema.ts';
import { codeOf, FencedError, isUniqueViolation } from './storage-error.ts';

export { FencedError };

/** Writes happen only while this chat's row has this epoch. Needs the server's table `chats` in the same schema. */
export interface SessionFence {
  chatId: string;
  epoch: number;
}

export interface PostgresSessionStoreOptions<T extends Record<string, unknown> = Record<string, unknown>> {
  /**
   * `migrate(sql, { schema })` creates the tables. Whoever opened the client closes it. A client that should survive
   * restarts of the server needs `max_pipeline: 0`, `fetch_types: false`, and a short `connect_timeout` and `backoff`:
   * a statement that the driver gives to a dying connection may get no answer, and nobody catches a failure while
   * fetching types.
   */
  sql: postgres.Sql<T>;
  /** Makes a session's summary: the SDK's `foldSessionSummary`. */
  foldSummary: FoldSummary;
  /** Where the tables are. `boocode` unless given. */
  schema?: string | undefined;
  /** With a fence, a write after the chat has moved on throws FencedError and changes nothing. */
  fence?: SessionFence | undefined;
  /** How long a write may wait for other writers before it fails and changes nothing. Default 5000. */
  statementTimeoutMs?: number | undefined;
}

type AnySql = postgres.Sql<Record<string, unknown>>;

export class PostgresSessionStore<
  T extends Record<string, unknown> = Record<string, unknown>,
> implements Required<SessionStore> {
  readonly #sql: AnySql;
  readonly #schema: postgres.Helper<string>;
  readonly #fence: SessionFence | undefined;
  readonly #timeoutMs: number;
  readonly #foldSummary: FoldSummary;
  /** The summary's JSON text that each session had last, as far as this store knows: a guess that every use verifies. */
  readonly #summaries = new Map<string, string>();
  /** The write in progress for each session, if any. */
  readonly #tails = new Map<string, Promise<void>>();

  constructor(options: PostgresSessionStoreOptions<T>) {
    const timeoutMs = options.statementTimeoutMs ?? 5000;
    if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1) {
      throw new BooError('config_invalid', 'statementTimeoutMs must be a whole number of milliseconds, at least 1.');
    }
    this.#timeoutMs = timeoutMs;
    this.#fence = options.fence;
    this.#foldSummary = options.foldSummary;
    // The client's own types do not matter here: see above.
    this.#sql = options.sql as unknown as AnySql;
    this.#schema = this.#sql(checkSchema(options.schema ?? defaultSchema));
  }

  async append(key: SessionKey, entries: SessionStoreEntry[]): Promise<void> {
    const place = toColumns(key);
    if (entries.length === 0) return;
    const batch = toBatch(entries);
    await this.#write(place, (limitMs) =>
      place.subpath === '' ? this.#appendMain(place, batch, limitMs) : this.#appendSub(place, batch, limitMs),
    );
  }

  async load(key: SessionKey): Promise<SessionStoreEntry[] | null> {
    const place = toColumns(key);
    const rows = await this.#sql`
      select entry::text from ${this.#schema}.claude_session_entries
      where project_key = ${place.project}::text and session_id = ${place.session}::text
        and subpath = ${place.subpath}::text
      order by ordinal`.raw();
    return rows.length === 0 ? null : rows.map((row) => JSON.parse(text(row, 0)) as SessionStoreEntry);
  }

  /**
   * Like `load`, in pieces of a few hundred entries or about a megabyte. Yields nothing for a session that does not
   * exist.
   */
  async *loadPages(key: SessionKey): AsyncGenerator<SessionStoreEntry[], void, undefined> {
    const place = toColumns(key);
    for (let after = '0'; ;) {
      const rows: Buffer[][] = await this.#sql`
        select ordinal, entry::text from (
          select ordinal, entry, sum(pg_column_size(entry)) over (order by ordinal) - pg_column_size(entry) as bytes_before
          from (
            select ordinal, entry from ${this.#schema}.claude_session_entries
            where project_key = ${place.project}::text and session_id = ${place.session}::text
              and subpath = ${place.subpath}::text and ordinal > ${after}::text::bigint
            order by ordinal limit ${String(pageRows)}::text::integer
          ) as candidates
        ) as page
        where bytes_before < ${String(pageBytes)}::text::bigint order by ordinal`.raw();
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.map((row) => JSON.parse(text(row, 1)) as SessionStoreEntry);
      after = text(last, 0);
    }
  }

  async listSessions(projectKey: string): Promise<{ sessionId: string; mtime: number }[]> {
    const rows = await this.#sql`
      select session_id, mtime from ${this.#schema}.claude_session_summaries where project_key = ${toColumn(projectKey)}::text`.raw();
    return rows.map((row) => ({ sessionId: fromColumn(text(row, 0)), mtime: Number(text(row, 1)) }));
  }

  async listSessionSummaries(projectKey: string): Promise<SessionSummaryEntry[]> {
    const rows = await this.#sql`
      select session_id, mtime, data::text from ${this.#schema}.claude_session_summaries
      where project_key = ${toColumn(projectKey)}::text`.raw();
    return rows.map((row) => ({
      sessionId: fromColumn(text(row, 0)),
      mtime: Number(text(row, 1)),
      data: JSON.parse(text(row, 2)) as Record<string, unknown>,
    }));
  }

  async listSubkeys(key: { projectKey: string; sessionId: string }): Promise<string[]> {
    const rows = await this.#sql`
      select distinct subpath from ${this.#schema}.claude_session_entries
      where project_key = ${toColumn(key.projectKey)}::text and session_id = ${toColumn(key.sessionId)}::text
        and subpath > ''`.raw();
    return rows.map((row) => fromColumn(text(row, 0)));
  }

  /** A batch that another store appends meanwhile is either deleted with the rest, or starts a new transcript. */
  async delete(key: SessionKey): Promise<void> {
    const place = toColumns(key);
    await this.#write(place, (limitMs) => this.#delete(place, limitMs));
  }

  /** A sub-agent's batch: it has no summary. */
  async #appendSub(place: KeyColumns, batch: Batch, limitMs: number): Promise<boolean> {
    const sql = this.#sql;
    const rows = await sql`
      with ${this.#held(place, limitMs)},
      added as (
        ${this.#insertEntries(place, batch, sql`held`)}
        on conflict (project_key, session_id, subpath, uuid) where uuid is not null do nothing
      )
      select count(*) from held`.raw();
    this.#assertHeld(rows);
    return true;
  }

  async #appendMain(place: KeyColumns, batch: Batch, limitMs: number): Promise<boolean> {
    const sql = this.#sql;
    const last = this.#summaries.get(place.lock);
    // Forgotten until the write has succeeded, so that a retry reads what is stored.
    this.#summaries.delete(place.lock);
    const { known, fresh } = last === undefined ? await this.#read(place, batch) : { known: last, fresh: batch };
    if (fresh.length === 0) {
      if (known !== undefined) this.#remember(place, known);
      return true;
    }
    const data = fold(this.#foldSummary, place, known, fresh);
    const summary =
      known === undefined
        ? sql`
          insert into ${this.#schema}.claude_session_summaries (project_key, session_id, mtime, data)
          select ${place.project}::text, ${place.session}::text, ${now(sql)}, ${data}::text::json from held`
        : sql`
          update ${this.#schema}.claude_session_summaries s
          set data = ${data}::text::json, mtime = greatest(${now(sql)}, s.mtime + 1)
          from held
          where s.project_key = ${place.project}::text and s.session_id = ${place.session}::text
            and s.data::text = ${known}::text`;
    const rows = await sql`
      with ${this.#held(place, limitMs)},
      summary as (${summary} returning 1),
      added as (${this.#insertEntries(place, fresh, sql`summary`)})
      select (select count(*) from held), (select count(*) from summary)`.raw();
    this.#assertHeld(rows);
    if (text(rows[0], 1) === '0') return false;
    this.#remember(place, data);
    return true;
  }

  /** The current summary, and which entries of the batch are not stored yet. */
  async #read(place: KeyColumns, batch: Batch): Promise<{ known: string | undefined; fresh: Batch }> {
    const sql = this.#sql;
    const rows = await sql`
      select
        (select count(*) from (select 1) as held ${this.#andEpoch()}),
        (select data::text from ${this.#schema}.claude_session_summaries
          where project_key = ${place.project}::text and session_id = ${place.session}::text),
        (select json_agg(uuid)::text from ${this.#schema}.claude_session_entries
          where project_key = ${place.project}::text and session_id = ${place.session}::text and subpath = ''
            and uuid is not null and uuid = any(array(
              select json_array_elements_text(${uuidsOf(batch)}::text::json)
            )))`.raw();
    this.#assertHeld(rows);
    const row = rows[0];
    const stored = new Set(row?.[2] ? (JSON.parse(text(row, 2)) as string[]) : []);
    return {
      known: row?.[1] ? text(row, 1) : undefined,
      fresh: batch.filter(({ uuid }) => uuid === null || !stored.has(uuid)),
    };
  }

  async #delete(place: KeyColumns, limitMs: number): Promise<boolean> {
    this.#summaries.delete(place.lock);
    const rows = await this.#sql`
      with ${this.#held(place, limitMs)},
      seen as materialized (
        select mtime from ${this.#schema}.claude_session_summaries
        where project_key = ${place.project}::text and session_id = ${place.session}::text
          and ${place.subpath}::text = ''
      ),
      summary as (
        delete from ${this.#schema}.claude_session_summaries s using held, seen
        where s.project_key = ${place.project}::text and s.session_id = ${place.session}::text and s.mtime = seen.mtime
        returning 1
      ),
      entries as (
        delete from ${this.#schema}.claude_session_entries using held
        where project_key = ${place.project}::text and session_id = ${place.session}::text
          and ${place.subpath}::text in ('', subpath)
          and (select count(*) from seen) = (select count(*) from summary)
      )
      select (select count(*) from held), (select count(*) from seen) - (select count(*) from summary)`.raw();
    this.#assertHeld(rows);
    return text(rows[0], 1) === '0';
  }

  #insertEntries(place: KeyColumns, batch: Batch, source: postgres.Fragment): postgres.Fragment {
    return this.#sql`
      insert into ${this.#schema}.claude_session_entries (project_key, session_id, subpath, uuid, entry)
      select ${place.project}::text, ${place.session}::text, ${place.subpath}::text, batch.uuid, batch.entry
      from ${source}, rows from (
        json_array_elements(${entriesOf(batch)}::text::json),
        json_array_elements_text(${uuidsOf(batch)}::text::json)
      ) with ordinality as batch (entry, uuid, position)
      order by batch.position`;
  }

  /** The chain every write starts with: `held` has one row once we have the lock and, with a fence, the epoch too. */
  #held(place: KeyColumns, limitMs: number): postgres.Fragment {
    const sql = this.#sql;
    // A statement cannot set its own statement_timeout, but it can limit its waits for locks. The share lock keeps the
    // epoch unchanged until the commit: a takeover waits for this write, or this write for it.
    return sql`
      bound as materialized (select set_config('lock_timeout', ${String(limitMs)}::text, true)),
      lock as materialized (select pg_advisory_xact_lock(hashtextextended(${place.lock}::text, 0)) from bound),
      held as materialized (
        select 1 from lock ${this.#andEpoch()} ${this.#fence === undefined ? sql`` : sql`for share of chats`}
      )`;
  }

  /** An addition to a `from`: with a fence, its chat's row while the epoch is ours. */
  #andEpoch(): postgres.Fragment {
    const sql = this.#sql;
    const fence = this.#fence;
    if (fence === undefined) return sql``;
    return sql`, ${this.#schema}.chats where chats.id = ${fence.chatId}::text::uuid and chats.epoch = ${String(fence.epoch)}::text::bigint`;
  }

  #assertHeld(rows: Buffer[][]): void {
    const held = text(rows[0], 0) === '1';
    if (this.#fence !== undefined && !held) throw new FencedError(this.#fence.chatId);
  }

  #remember(place: KeyColumns, data: string): void {
    this.#summaries.set(place.lock, data);
    const [oldest] = this.#summaries.keys();
    if (this.#summaries.size > rememberedSessions && oldest !== undefined) this.#summaries.delete(oldest);
  }

  /** One write at a time per session, in call order. A failed one does not stop the next. */
  async #write(place: KeyColumns, attempt: (limitMs: number) => Promise<boolean>): Promise<void> {
    const before = this.#tails.get(place.lock);
    const result = before === undefined ? this.#untilDone(attempt) : before.then(() => this.#untilDone(attempt));
    const tail = result.catch(() => undefined);
    this.#tails.set(place.lock, tail);
    try {
      await result;
    } finally {
      if (this.#tails.get(place.lock) === tail) this.#tails.delete(place.lock);
    }
  }

  /**
   * Retries until an attempt has taken effect. This terminates: an attempt fails only because another writer succeeded.
   */
  async #untilDone(attempt: (limitMs: number) => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + this.#timeoutMs;
    let cause: unknown;
    for (let limitMs = this.#timeoutMs; limitMs > 0; limitMs = Math.ceil(deadline - performance.now())) {
      try {
        if (await attempt(limitMs)) return;
      } catch (error) {
        if (!isOvertaken(error)) throw error;
        cause = error;
      }
    }
    throw new BooError('storage_unavailable', 'Other writers to this session were faster every time.', { cause });
  }
}

const rememberedSessions = 1000;

/** Of one piece of a transcript; bytes as stored, mostly compressed. */
const [pageRows, pageBytes] = [500, 256 * 1024];

/** Whether a statement had no effect because another writer was faster. */
function isOvertaken(error: unknown): boolean {
  // 40001: what a client with serializable transactions by default gets.
  return isUniqueViolation(error) || codeOf(error) === '40001';
}

function now(sql: AnySql): postgres.Fragment {
  return sql`floor(extract(epoch from clock_timestamp()) * 1000)::bigint`;
}
