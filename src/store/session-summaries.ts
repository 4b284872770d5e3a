/**
 * The summaries of a project's sessions. A session's summary is folded in JavaScript, from its entries in order. It is
 * not stored with every append, which would cost each one a third more, but when someone asks for it, and after many
 * appends. So a stored summary covers a session's entries up to some ordinal; whoever reads it folds the rest.
 *
 * Appends are in commit order within a session, and deleting takes a session's beginning. So a stored summary is right
 * if the session's first entry is still the one it was folded from, and no lock is needed to replace it.
 */
import type postgres from 'postgres';
import type { FoldSummary, SessionStoreEntry, SessionSummaryEntry } from '../protocol/session-store.ts';
import { type Batch, fold, fromColumn, type KeyColumns, text, toColumn, toColumns } from './session-store-rows.ts';

export interface SessionSummariesParts {
  sql: postgres.Sql<Record<string, unknown>>;
  schema: postgres.Helper<string>;
  foldSummary: FoldSummary;
  /** The entries between two ordinals, in order and in pieces. */
  pages: (place: KeyColumns, after: string, upTo: string) => AsyncIterable<SessionStoreEntry[]>;
  /** For a `from`: one row while this store may write to the session, none afterwards. */
  held: (place: KeyColumns) => postgres.Fragment;
}

/** A summary's JSON text, and the ordinals of the first and last entry it covers. */
interface Summary {
  data: string | undefined;
  first: string;
  last: string;
}

/** What this store has appended to a session since it last stored the summary. */
interface Tail {
  /** Up to date; undefined as long as it is not known. */
  summary: Summary | undefined;
  entries: number;
}

/** Of one session, behind its summary, before that is stored again. */
const entriesBehind = 1000;

const rememberedSessions = 1000;

export class SessionSummaries {
  readonly #parts: SessionSummariesParts;
  readonly #tails = new Map<string, Tail>();

  constructor(parts: SessionSummariesParts) {
    this.#parts = parts;
  }

  /** Of every session with a main transcript. */
  async list(projectKey: string): Promise<SessionSummaryEntry[]> {
    const { sql, schema } = this.#parts;
    const project = toColumn(projectKey);
    // Of a session's many rows, only the first and the last one are read.
    const found = await this.#read(
      project,
      sql`(
        with recursive each (session_id) as (
          select min(session_id) from ${schema}.claude_session_entries where project_key = ${project}::text
          union all
          select (
            select min(session_id) from ${schema}.claude_session_entries
            where project_key = ${project}::text and session_id > each.session_id
          ) from each where session_id is not null
        )
        select session_id from each
      )`,
    );
    const summaries = [];
    for (const { place, mtime, stored, last } of found) {
      const { data } = stored.last === last ? stored : await this.#complete(place, stored, last);
      // Otherwise it has been deleted meanwhile.
      if (data !== undefined) {
        const { sessionId } = place.key;
        summaries.push({ sessionId, mtime, data: JSON.parse(data) as Record<string, unknown> });
      }
    }
    return summaries;
  }

  /** To be called after entries were stored, all of them or only some. True if it is time to `store`. */
  noteAppended(place: KeyColumns, batch: Batch, stored: number): boolean {
    const tail = this.#tails.get(place.lock) ?? { summary: undefined, entries: 0 };
    this.#tails.set(place.lock, tail);
    const [oldest] = this.#tails.keys();
    if (this.#tails.size > rememberedSessions && oldest !== undefined) this.#tails.delete(oldest);
    if (tail.summary !== undefined && stored === batch.length) {
      const entries = batch.map(({ entry }) => entry);
      tail.summary.data = fold(this.#parts.foldSummary, place, tail.summary.data, entries);
    } else {
      tail.summary = undefined;
    }
    tail.entries += stored;
    return tail.entries >= entriesBehind;
  }

  /** Stores the session's summary, as long as nothing is being appended by this store. */
  async store(place: KeyColumns): Promise<void> {
    const tail = this.#tails.get(place.lock);
    this.#tails.delete(place.lock);
    const [found] = await this.#read(place.project, this.#parts.sql`(select ${place.session}::text as session_id)`);
    if (found === undefined) return;
    const { stored, last } = found;
    let summary = tail?.summary;
    if (summary?.first === stored.first && (await this.#count(place, summary.last)) === tail?.entries) {
      summary = { ...summary, last };
      await this.#save(place, summary);
    } else {
      summary = await this.#complete(place, stored, last);
    }
    this.#tails.set(place.lock, { summary, entries: 0 });
  }

  async #read(
    project: string,
    sessions: postgres.Fragment,
  ): Promise<{ place: KeyColumns; mtime: number; stored: Summary; last: string }[]> {
    const { sql, schema } = this.#parts;
    const rows = await sql`
      select session.session_id, first.ordinal, last.ordinal, summary.last_ordinal, summary.data::text,
        case when summary.last_ordinal = last.ordinal then summary.mtime
          else greatest(floor(extract(epoch from last.stored_at) * 1000)::bigint, summary.mtime + 1) end
      from ${sessions} as session
      cross join lateral (
        select ordinal from ${schema}.claude_session_entries
        where project_key = ${project}::text and session_id = session.session_id and subpath = ''
        order by ordinal limit 1
      ) as first
      cross join lateral (
        select ordinal, stored_at from ${schema}.claude_session_entries
        where project_key = ${project}::text and session_id = session.session_id and subpath = ''
        order by ordinal desc limit 1
      ) as last
      left join ${schema}.claude_session_summaries as summary
        on summary.project_key = ${project}::text and summary.session_id = session.session_id
        and summary.first_ordinal = first.ordinal`.raw();
    return rows.map((row) => ({
      place: toColumns({ projectKey: fromColumn(project), sessionId: fromColumn(text(row, 0)) }),
      stored: row[4] ? { data: text(row, 4), first: text(row, 1), last: text(row, 3) } : nothing(text(row, 1)),
      last: text(row, 2),
      mtime: Number(text(row, 5)),
    }));
  }

  /** Folds the entries up to `last`, and tries to store the result; otherwise it is folded again the next time. */
  async #complete(place: KeyColumns, stored: Summary, last: string): Promise<Summary> {
    let { data } = stored;
    for await (const page of this.#parts.pages(place, stored.last, last)) {
      data = fold(this.#parts.foldSummary, place, data, page);
    }
    const summary = { data, first: stored.first, last };
    if (data !== undefined) await this.#save(place, summary).catch(() => undefined);
    return summary;
  }

  async #count(place: KeyColumns, after: string): Promise<number> {
    const { sql, schema } = this.#parts;
    const rows = await sql`
      select count(*) from ${schema}.claude_session_entries
      where project_key = ${place.project}::text and session_id = ${place.session}::text and subpath = ''
        and ordinal > ${after}::text::bigint`.raw();
    return Number(text(rows[0], 0));
  }

  /** Unless the session has been deleted meanwhile, or its stored summary covers more. */
  async #save(place: KeyColumns, { data, first, last }: Summary): Promise<void> {
    const { sql, schema, held } = this.#parts;
    await sql`
      insert into ${schema}.claude_session_summaries as stored (project_key, session_id, mtime, data, first_ordinal, last_ordinal)
      select project_key, session_id, floor(extract(epoch from stored_at) * 1000)::bigint, ${data as string}::text::json,
        ${first}::text::bigint, ordinal
      from ${held(place)}, ${schema}.claude_session_entries
      where project_key = ${place.project}::text and session_id = ${place.session}::text and subpath = ''
        and ordinal = ${last}::text::bigint
      on conflict (project_key, session_id) do update set data = excluded.data,
        mtime = case when stored.first_ordinal = excluded.first_ordinal then greatest(excluded.mtime, stored.mtime + 1)
          else excluded.mtime end,
        first_ordinal = excluded.first_ordinal, last_ordinal = excluded.last_ordinal
      where (stored.first_ordinal, stored.last_ordinal) < (excluded.first_ordinal, excluded.last_ordinal)`;
  }
}

function nothing(first: string): Summary {
  return { data: undefined, first, last: '0' };
}
