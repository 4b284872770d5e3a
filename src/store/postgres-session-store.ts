/**
 * The Claude Agent SDK's SessionStore over two Postgres tables (migrations/000002.sql). It stands alone: any `postgres`
 * client will do, whatever its types and transforms, since parameters are text and answers are read raw.
 *
 * A session's writers take turns. One lock per session, an advisory one taken inside the write and held to its commit,
 * puts batches in commit order and keeps each together; within one store, calls also go in the order they were made.
 *
 * An append is one statement and one round trip, since the SDK waits for it at every frame. A summary is folded in
 * JavaScript, so that statement carries the new summary, folded from the last one this store saw, and takes effect only
 * if that one is still there and no entry was stored before. Otherwise (the first batch, another writer, a replay) the
 * append runs as a transaction that inserts, reads the summary, folds what was really new, and writes it.
 */
import { foldSessionSummary } from '@anthropic-ai/claude-agent-sdk';
import type { SessionKey, SessionStore, SessionStoreEntry, SessionSummaryEntry } from '@anthropic-ai/claude-agent-sdk';
import type postgres from 'postgres';
import { BooError } from '../protocol/error.ts';
import { FencedError, isUniqueViolation } from './storage-error.ts';

export { FencedError };

/** Writes happen only while the row of this chat has this epoch. Needs the table `chats`. */
export interface SessionFence {
  chatId: string;
  epoch: number;
}

export interface PostgresSessionStoreOptions<T extends Record<string, unknown> = Record<string, unknown>> {
  /** The tables come from `migrate(sql)`. Whoever opened the client closes it. */
  sql: postgres.Sql<T>;
  /** With it, a write after the chat has moved on throws FencedError and changes nothing. */
  fence?: SessionFence | undefined;
  /**
   * How long an append may wait for another writer, and how long each statement of its transaction may run for every
   * MiB of the batch, before it fails and leaves nothing behind. 5000 unless given.
   */
  statementTimeoutMs?: number | undefined;
}

type AnySql = postgres.ISql<Record<string, unknown>>;

export class PostgresSessionStore<
  T extends Record<string, unknown> = Record<string, unknown>,
> implements Required<SessionStore> {
  readonly #sql: postgres.Sql<Record<string, unknown>>;
  readonly #fence: SessionFence | undefined;
  readonly #timeoutMs: number;
  /** The summary's JSON text that each session had last, as far as this store knows: a guess that every use verifies. */
  readonly #summaries = new Map<string, string>();
  /** The last write of each session that has one under way. */
  readonly #tails = new Map<string, Promise<void>>();

  constructor(options: PostgresSessionStoreOptions<T>) {
    const timeoutMs = options.statementTimeoutMs ?? 5000;
    if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1) {
      throw new BooError('config_invalid', 'statementTimeoutMs must be a whole number of milliseconds, at least 1.');
    }
    this.#timeoutMs = timeoutMs;
    this.#fence = options.fence;
    // The client's own types do not matter here: see above.
    this.#sql = options.sql as unknown as postgres.Sql<Record<string, unknown>>;
  }

  async append(key: SessionKey, entries: SessionStoreEntry[]): Promise<void> {
    const place = toPlace(key);
    if (entries.length === 0) return;
    const batch = toBatch(entries);
    await this.#inOrder(place, async () => {
      if (place.subpath !== '') await this.#appendPlain(place, batch);
      else if (!(await this.#appendOnto(place, batch))) await this.#appendAndFold(place, batch);
    });
  }

  async load(key: SessionKey): Promise<SessionStoreEntry[] | null> {
    const place = toPlace(key);
    const rows = await this.#sql`
      select entry::text from claude_session_entries
      where project_key = ${place.project}::text and session_id = ${place.session}::text
        and subpath = ${place.subpath}::text
      order by ordinal`.raw();
    return rows.length === 0 ? null : rows.map((row) => JSON.parse(text(row, 0)) as SessionStoreEntry);
  }

  async listSessions(projectKey: string): Promise<{ sessionId: string; mtime: number }[]> {
    const rows = await this.#sql`
      select session_id, mtime from claude_session_summaries where project_key = ${toColumn(projectKey)}::text`.raw();
    return rows.map((row) => ({ sessionId: fromColumn(text(row, 0)), mtime: Number(text(row, 1)) }));
  }

  async listSessionSummaries(projectKey: string): Promise<SessionSummaryEntry[]> {
    const rows = await this.#sql`
      select session_id, mtime, data::text from claude_session_summaries
      where project_key = ${toColumn(projectKey)}::text`.raw();
    return rows.map((row) => ({
      sessionId: fromColumn(text(row, 0)),
      mtime: Number(text(row, 1)),
      data: JSON.parse(text(row, 2)) as Record<string, unknown>,
    }));
  }

  async listSubkeys(key: { projectKey: string; sessionId: string }): Promise<string[]> {
    const rows = await this.#sql`
      select distinct subpath from claude_session_entries
      where project_key = ${toColumn(key.projectKey)}::text and session_id = ${toColumn(key.sessionId)}::text
        and subpath > ''`.raw();
    return rows.map((row) => fromColumn(text(row, 0)));
  }

  async delete(key: SessionKey): Promise<void> {
    const place = toPlace(key);
    await this.#inOrder(place, async () => {
      this.#summaries.delete(place.lock);
      await this.#locked(place, null, async (tx) => {
        const ofMain = place.subpath === '';
        const rows = await tx`
          with ${this.#held(tx, place)},
          entries as (
            delete from claude_session_entries using held
            where project_key = ${place.project}::text and session_id = ${place.session}::text
              ${ofMain ? tx`` : tx`and subpath = ${place.subpath}::text`}
          ),
          summary as (
            delete from claude_session_summaries using held
            where ${ofMain ? tx`` : tx`false and`}
              project_key = ${place.project}::text and session_id = ${place.session}::text
          )
          select count(*) from held`.raw();
        this.#assertHeld(rows);
      });
    });
  }

  /** A sub-agent's batch: it has no summary. */
  async #appendPlain(place: Place, batch: Batch): Promise<void> {
    const sql = this.#sql;
    const rows = await sql`
      with ${this.#held(sql, place)},
      added as (${insertEntries(sql, place, batch, sql`held`)} ${skipKnown(sql)})
      select count(*) from held`.raw();
    this.#assertHeld(rows);
  }

  /** The one statement. False if nothing was written, because the summary has changed or an entry was there already. */
  async #appendOnto(place: Place, batch: Batch): Promise<boolean> {
    const known = this.#summaries.get(place.lock);
    if (known === undefined) return false;
    const data = fold(place, known, batch.entries);
    const sql = this.#sql;
    try {
      const rows = await sql`
        with ${this.#held(sql, place)},
        summary as (
          update claude_session_summaries s
          set data = ${data}::text::json, mtime = greatest(${now(sql)}, s.mtime + 1)
          from held
          where s.project_key = ${place.project}::text and s.session_id = ${place.session}::text
            and s.data::text = ${known}::text
          returning 1
        ),
        added as (${insertEntries(sql, place, batch, sql`summary`)})
        select (select count(*) from held), (select count(*) from summary)`.raw();
      this.#assertHeld(rows);
      const written = text(rows[0], 1) === '1';
      if (written) this.#remember(place, data);
      return written;
    } catch (error) {
      if (isUniqueViolation(error)) return false;
      throw error;
    }
  }

  async #appendAndFold(place: Place, batch: Batch): Promise<void> {
    const limitMs = this.#timeoutMs * Math.ceil(batch.entriesJson.length / 2 ** 20);
    const data = await this.#locked(place, limitMs, async (tx) => {
      const rows = await tx`
        with ${this.#held(tx, place)},
        added as (${insertEntries(tx, place, batch, tx`held`)} ${skipKnown(tx)} returning uuid)
        select
          (select count(*) from held),
          (select count(*) from added),
          case when (select count(*) from added) < ${String(batch.entries.length)}::text::int
            then (select json_agg(uuid) from added where uuid is not null)::text end,
          (select data::text from claude_session_summaries
            where project_key = ${place.project}::text and session_id = ${place.session}::text)`.raw();
      this.#assertHeld(rows);
      const row = rows[0];
      const known = row?.[3] ? text(row, 3) : undefined;
      const added = Number(text(row, 1));
      if (added === 0) return known;
      const uuids = row?.[2] ? (JSON.parse(text(row, 2)) as string[]) : [];
      const data = fold(place, known, added === batch.entries.length ? batch.entries : entriesIn(batch, uuids));
      await tx`
        insert into claude_session_summaries as s (project_key, session_id, mtime, data)
        values (${place.project}::text, ${place.session}::text, ${now(tx)}, ${data}::text::json)
        on conflict (project_key, session_id)
        do update set data = excluded.data, mtime = greatest(excluded.mtime, s.mtime + 1)`;
      return data;
    });
    if (data !== undefined) this.#remember(place, data);
  }

  /**
   * A transaction under the session's lock. The lock has a statement of its own, so that the next one sees what the
   * writer before has committed.
   */
  #locked<R>(place: Place, limitMs: number | null, run: (tx: AnySql) => Promise<R>): Promise<R> {
    return this.#sql.begin('isolation level read committed', async (tx) => {
      await Promise.all([
        limitMs === null ? null : tx`select set_config('statement_timeout', ${String(limitMs)}::text, true)`,
        tx`with ${this.#lock(tx, place)} select from lock`,
      ]);
      return run(tx);
    }) as Promise<R>;
  }

  /** The chain every write begins with: `held` has one row once the lock is ours and, with a fence, the epoch is too. */
  #held(sql: AnySql, place: Place): postgres.Fragment {
    const fence = this.#fence;
    if (fence === undefined) return sql`${this.#lock(sql, place)}, held as materialized (select 1 from lock)`;
    // The share lock keeps the epoch as it is until the commit: a takeover waits for this write, or this write for it.
    return sql`${this.#lock(sql, place)},
      held as materialized (
        select 1 from lock, chats
        where chats.id = ${fence.chatId}::text::uuid and chats.epoch = ${String(fence.epoch)}::text::bigint
        for share of chats
      )`;
  }

  #lock(sql: AnySql, place: Place): postgres.Fragment {
    // A statement cannot set its own statement_timeout, but it can bound its own waits for locks.
    return sql`
      bound as materialized (select set_config('lock_timeout', ${String(this.#timeoutMs)}::text, true)),
      lock as materialized (select pg_advisory_xact_lock(hashtextextended(${place.lock}::text, 0)) from bound)`;
  }

  #assertHeld(rows: Buffer[][]): void {
    if (this.#fence !== undefined && text(rows[0], 0) !== '1') throw new FencedError(this.#fence.chatId);
  }

  #remember(place: Place, data: string): void {
    this.#summaries.delete(place.lock);
    this.#summaries.set(place.lock, data);
    if (this.#summaries.size <= rememberedSessions) return;
    for (const oldest of this.#summaries.keys()) {
      this.#summaries.delete(oldest);
      return;
    }
  }

  /** One write at a time per session, in the order of the calls. A failed one does not stop the next. */
  async #inOrder(place: Place, write: () => Promise<void>): Promise<void> {
    const before = this.#tails.get(place.lock);
    const result = before === undefined ? write() : before.then(write);
    const tail = result.catch(() => undefined);
    this.#tails.set(place.lock, tail);
    try {
      await result;
    } finally {
      if (this.#tails.get(place.lock) === tail) this.#tails.delete(place.lock);
    }
  }
}

const rememberedSessions = 1000;

/** A key as the columns hold it. */
interface Place {
  key: SessionKey;
  project: string;
  session: string;
  /** '' for the main transcript. */
  subpath: string;
  /** Names the session's lock. */
  lock: string;
}

interface Batch {
  entries: SessionStoreEntry[];
  /** Both are JSON arrays of the same length. As one text each, a batch of any size is two parameters. */
  entriesJson: string;
  uuidsJson: string;
}

function toPlace(key: SessionKey): Place {
  if (key.subpath === '') {
    throw new BooError('invalid_request', 'A subpath must not be empty: leave it out for the main transcript.', {
      details: { field: 'subpath' },
    });
  }
  const project = toColumn(key.projectKey);
  const session = toColumn(key.sessionId);
  return { key, project, session, subpath: toColumn(key.subpath ?? ''), lock: JSON.stringify([project, session]) };
}

function toBatch(entries: SessionStoreEntry[]): Batch {
  const uuids = entries.map((entry) => uuidOf(entry) ?? null);
  return { entries: [...entries], entriesJson: JSON.stringify(entries), uuidsJson: JSON.stringify(uuids) };
}

/** As the column holds it. An empty one names nothing. */
function uuidOf(entry: SessionStoreEntry): string | undefined {
  return typeof entry.uuid === 'string' && entry.uuid !== '' ? toColumn(entry.uuid) : undefined;
}

/** What of the batch was inserted, given the uuids that were. */
function entriesIn(batch: Batch, uuids: string[]): SessionStoreEntry[] {
  const added = new Set(uuids);
  // Deleting as we go leaves out the second of two entries with one uuid.
  return batch.entries.filter((entry) => {
    const uuid = uuidOf(entry);
    return uuid === undefined || added.delete(uuid);
  });
}

/** The summary's new JSON text. Its mtime is stamped by the database. */
function fold(place: Place, known: string | undefined, entries: SessionStoreEntry[]): string {
  const previous =
    known === undefined
      ? undefined
      : { sessionId: place.key.sessionId, mtime: 0, data: JSON.parse(known) as Record<string, unknown> };
  return JSON.stringify(foldSessionSummary(previous, place.key, entries).data);
}

function insertEntries(sql: AnySql, place: Place, batch: Batch, source: postgres.Fragment): postgres.Fragment {
  return sql`
    insert into claude_session_entries (project_key, session_id, subpath, uuid, entry)
    select ${place.project}::text, ${place.session}::text, ${place.subpath}::text, batch.uuid, batch.entry
    from ${source}, rows from (
      json_array_elements(${batch.entriesJson}::text::json),
      json_array_elements_text(${batch.uuidsJson}::text::json)
    ) with ordinality as batch (entry, uuid, position)
    order by batch.position`;
}

function skipKnown(sql: AnySql): postgres.Fragment {
  return sql`on conflict (project_key, session_id, subpath, uuid) where uuid is not null do nothing`;
}

function now(sql: AnySql): postgres.Fragment {
  return sql`floor(extract(epoch from clock_timestamp()) * 1000)::bigint`;
}

/** Any string as text that Postgres takes, reversibly: the inside of a JSON string. */
function toColumn(value: string): string {
  return JSON.stringify(value).slice(1, -1);
}

function fromColumn(value: string): string {
  return JSON.parse(`"${value}"`) as string;
}

function text(row: Buffer[] | undefined, index: number): string {
  const value = row?.[index];
  if (value === undefined) throw new Error('The database gave an answer without the expected columns.');
  return value.toString('utf8');
}
