/**
 * The Claude Agent SDK's SessionStore over two Postgres tables (migrations/session-store). It is self-contained: any
 * `postgres` client will do, whatever its types and transforms, because parameters are text and results are read raw.
 *
 * A session's writers are serialized. One advisory lock per session, taken inside the write and held until its commit,
 * puts batches in commit order and keeps each together; within one store, calls also run in the order they were made.
 *
 * Since the SDK waits for an append at every frame, an append is one statement and writes nothing but the entries:
 * summaries are brought up to date when someone asks for them (`session-summaries.ts`).
 *
 * Every write is one statement. A transaction would be no safer, and the driver cannot survive one: when the connection
 * dies inside `begin` or `reserve`, it throws where nobody can catch it, and the process ends. A statement sees the
 * database as it was before it waited for the lock, so which uuids exist is left to the unique index, which knows.
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
import { entriesOf, fromColumn, text, toBatch, toColumn, toColumns, uuidsOf } from './session-store-rows.ts';
import type { Batch, KeyColumns } from './session-store-rows.ts';
import { SessionSummaries } from './session-summaries.ts';
import { checkSchema, defaultSchema } from './schema.ts';
import { codeOf, FencedError } from './storage-error.ts';

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
  readonly #summaries: SessionSummaries;
  /** The write in progress for each session, if any. */
  readonly #tails = new Map<string, Promise<void>>();

  constructor(options: PostgresSessionStoreOptions<T>) {
    const timeoutMs = options.statementTimeoutMs ?? 5000;
    if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1) {
      throw new BooError('config_invalid', 'statementTimeoutMs must be a whole number of milliseconds, at least 1.');
    }
    this.#timeoutMs = timeoutMs;
    this.#fence = options.fence;
    // The client's own types do not matter here: see above.
    this.#sql = options.sql as unknown as AnySql;
    this.#schema = this.#sql(checkSchema(options.schema ?? defaultSchema));
    this.#summaries = new SessionSummaries({
      sql: this.#sql,
      schema: this.#schema,
      foldSummary: options.foldSummary,
      held: (place) => this.#held(place, this.#timeoutMs),
      pages: (place, after, upTo) => this.#pages(place, after, upTo),
    });
  }

  async append(key: SessionKey, entries: SessionStoreEntry[]): Promise<void> {
    const place = toColumns(key);
    if (entries.length === 0) return;
    const batch = toBatch(entries);
    await this.#write(place, (limitMs) => this.#append(place, batch, limitMs));
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
    yield* this.#pages(toColumns(key), '0', lastOrdinal);
  }

  async listSessions(projectKey: string): Promise<{ sessionId: string; mtime: number }[]> {
    return (await this.#summaries.list(projectKey)).map(({ sessionId, mtime }) => ({ sessionId, mtime }));
  }

  async listSessionSummaries(projectKey: string): Promise<SessionSummaryEntry[]> {
    return this.#summaries.list(projectKey);
  }

  async listSubkeys(key: { projectKey: string; sessionId: string }): Promise<string[]> {
    const rows = await this.#sql`
      select distinct subpath from ${this.#schema}.claude_session_entries
      where project_key = ${toColumn(key.projectKey)}::text and session_id = ${toColumn(key.sessionId)}::text
        and subpath > ''`.raw();
    return rows.map((row) => fromColumn(text(row, 0)));
  }

  /**
   * Waits for the batches that are being appended, and deletes them too. One that another store begins to append
   * meanwhile starts a new transcript.
   */
  async delete(key: SessionKey): Promise<void> {
    const place = toColumns(key);
    await this.#write(place, async (limitMs) => {
      await this.#sql`select from ${this.#held(place, limitMs)}`;
      await this.#delete(place, limitMs);
    });
  }

  async #append(place: KeyColumns, batch: Batch, limitMs: number): Promise<void> {
    const sql = this.#sql;
    const { length, 0: first } = batch;
    const columns = sql`${this.#schema}.claude_session_entries (project_key, session_id, subpath, uuid, entry)`;
    const conflict = sql`on conflict (project_key, session_id, subpath, uuid) where uuid is not null do nothing`;
    // Most have one entry, and the second statement costs a tenth more.
    const { count } =
      length === 1 && first !== undefined
        ? await sql`
          insert into ${columns}
          select ${place.project}::text, ${place.session}::text, ${place.subpath}::text, ${first.uuid}::text, ${first.json}::text::json
          from ${this.#held(place, limitMs)}
          ${conflict}`
        : await sql`
          insert into ${columns}
          select ${place.project}::text, ${place.session}::text, ${place.subpath}::text, batch.uuid, batch.entry::json
          from ${this.#held(place, limitMs)}, rows from (
            unnest(string_to_array(${uuidsOf(batch)}::text, E'\\n', '')),
            unnest(string_to_array(${entriesOf(batch)}::text, E'\\n'))
          ) with ordinality as batch (uuid, entry, position)
          order by batch.position
          ${conflict}`;
    if (count === 0) await this.#assertHeld();
    if (place.subpath !== '') return;
    if (this.#summaries.noteAppended(place, batch, count)) {
      // Nobody waits for it. What fails is folded again when someone asks.
      void this.#inTurn(place, () => this.#summaries.store(place)).catch(() => undefined);
    }
  }

  /** Pieces of a few hundred entries or about a megabyte. */
  async *#pages(place: KeyColumns, after: string, upTo: string): AsyncGenerator<SessionStoreEntry[], void, undefined> {
    for (;;) {
      const rows: Buffer[][] = await this.#sql`
        select ordinal, entry::text from (
          select ordinal, entry, sum(pg_column_size(entry)) over (order by ordinal) - pg_column_size(entry) as bytes_before
          from (
            select ordinal, entry from ${this.#schema}.claude_session_entries
            where project_key = ${place.project}::text and session_id = ${place.session}::text
              and subpath = ${place.subpath}::text and ordinal > ${after}::text::bigint and ordinal <= ${upTo}::text::bigint
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

  async #delete(place: KeyColumns, limitMs: number): Promise<void> {
    const sql = this.#sql;
    const rows = await sql`
      with held as materialized (select 1 from ${this.#held(place, limitMs)}),
      summary as (
        delete from ${this.#schema}.claude_session_summaries using held
        where project_key = ${place.project}::text and session_id = ${place.session}::text
          and ${place.subpath}::text = ''
      ),
      entries as (
        delete from ${this.#schema}.claude_session_entries using held
        where project_key = ${place.project}::text and session_id = ${place.session}::text
          and ${place.subpath}::text in ('', subpath)
      )
      select count(*) from held`.raw();
    if (text(rows[0], 0) === '0') await this.#assertHeld();
  }

  /**
   * For the `from` of every write: has one row once we have the lock and, with a fence, the epoch too. The lock comes
   * first, and the share lock keeps the epoch unchanged until the commit: a takeover waits for this write, or this write
   * for it.
   */
  #held(place: KeyColumns, limitMs: number): postgres.Fragment {
    const sql = this.#sql;
    // A statement cannot set its own statement_timeout, but it can limit its waits for locks.
    const lock = sql`(
      select pg_advisory_xact_lock(hashtextextended(${place.lock}::text, 0))
      from (select set_config('lock_timeout', ${String(limitMs)}::text, true) offset 0) as bound offset 0
    ) as lock`;
    const fence = this.#fence;
    if (fence === undefined) return lock;
    return sql`(
      select from ${lock}, ${this.#schema}.chats
      where chats.id = ${fence.chatId}::text::uuid and chats.epoch = ${String(fence.epoch)}::text::bigint
      for share of chats
    ) as held`;
  }

  /** After a write without effect: throws if that was because of the fence. */
  async #assertHeld(): Promise<void> {
    const fence = this.#fence;
    if (fence === undefined) return;
    const rows = await this.#sql`
      select from ${this.#schema}.chats
      where id = ${fence.chatId}::text::uuid and epoch = ${String(fence.epoch)}::text::bigint`;
    if (rows.length === 0) throw new FencedError(fence.chatId);
  }

  /** Again if the database says so, which it can say only if another writer succeeded. */
  #write(place: KeyColumns, attempt: (limitMs: number) => Promise<void>): Promise<void> {
    return this.#inTurn(place, async () => {
      const deadline = performance.now() + this.#timeoutMs;
      let cause: unknown;
      for (let limitMs = this.#timeoutMs; limitMs > 0; limitMs = Math.ceil(deadline - performance.now())) {
        try {
          return await attempt(limitMs);
        } catch (error) {
          // What a client with serializable transactions by default gets.
          if (codeOf(error) !== '40001') throw error;
          cause = error;
        }
      }
      throw new BooError('storage_unavailable', 'Other writers to this session were faster every time.', { cause });
    });
  }

  /** One at a time per session, in call order. A failed one does not stop the next. */
  async #inTurn(place: KeyColumns, task: () => Promise<void>): Promise<void> {
    const before = this.#tails.get(place.lock);
    const result = before === undefined ? task() : before.then(task);
    const tail = result.catch(() => undefined);
    this.#tails.set(place.lock, tail);
    try {
      await result;
    } finally {
      if (this.#tails.get(place.lock) === tail) this.#tails.delete(place.lock);
    }
  }
}

/** Of one piece of a transcript; bytes as stored, mostly compressed. */
const [pageRows, pageBytes] = [500, 256 * 1024];

/** The largest bigint. */
const lastOrdinal = '9223372036854775807';
