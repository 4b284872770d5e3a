/** What people did. Rows are only added: a trigger refuses everything else. */
import { type Principal, roles } from '../protocol/principal.ts';
import type { AuditEntry } from '../protocol/audit.ts';
import { cleanText } from './clean-text.ts';
import type { Sql } from './database.ts';

export interface AuditRow {
  id: string;
  /** How long ago it happened, in milliseconds: only the database knows the time. */
  ageMs: number;
  person: Principal | null;
  via: string | null;
  source: string | null;
  host: string | null;
  act: string;
  chatId: string | null;
  outcome: AuditEntry['outcome'];
  code: string | null;
  count: number;
  details: Readonly<Record<string, unknown>>;
}

export interface AuditFilter {
  from?: Date | undefined;
  to?: Date | undefined;
  person?: string | undefined;
  chat?: string | undefined;
  act?: string | undefined;
  outcome?: AuditEntry['outcome'] | undefined;
  order: 'newest' | 'oldest';
  after?: number | undefined;
  limit: number;
}

const leastRole = roles.at(-1)!;
const textOf = (text: string | null): string | null => (text === null ? null : cleanText(text));

/**
 * One statement for all of them. The lock comes before the first number is taken and ends with the commit, so a reader who has
 * seen a row has seen all rows with lower numbers, whichever host writes them. A row that is there already is left alone.
 */
export async function appendAudit(db: Sql, rows: readonly AuditRow[]): Promise<void> {
  const given = rows.map(({ person, chatId, ageMs, details, ...row }) => ({
    ...row,
    via: textOf(row.via),
    source: textOf(row.source),
    host: textOf(row.host),
    act: cleanText(row.act),
    person_id: textOf(person?.id ?? null),
    person_name: textOf(person?.name ?? null),
    person_role: person?.role ?? null,
    chat_id: chatId,
    age_ms: ageMs,
    details: JSON.stringify(details),
  }));
  await db`
    with locked as materialized (select pg_advisory_xact_lock(hashtext('boocode.audit_log'))),
    given as (
      select rows.* from locked, json_to_recordset(${JSON.stringify(given)}::text::json) as rows (
        id uuid, age_ms double precision, person_id text, person_name text, person_role text, via text, source text, host text,
        act text, chat_id uuid, outcome text, code text, count integer, details text)
    )
    insert into boocode.audit_log
      (id, at, person_id, person_name, person_role, via, source, host, act, chat_id, outcome, code, count, details)
    select id, clock_timestamp() - make_interval(secs => age_ms / 1000), person_id, person_name, person_role, via, source,
      host, act, chat_id, outcome, code, count, details::json
    from given
    on conflict (id) do nothing`;
}

interface Stored extends Omit<AuditEntry, 'person' | 'details' | 'at'> {
  at: Date;
  personId: string | null;
  personName: string | null;
  personRole: Principal['role'] | null;
  details: string;
}

export function selectAudit(db: Sql, { from, to, person, chat, act, outcome, order, after, limit }: AuditFilter) {
  const isNewest = order === 'newest';
  return db<Stored[]>`
    select seq, id, at, person_id as "personId", person_name as "personName", person_role as "personRole", via, source, host,
      act, chat_id as "chatId", outcome, code, count, details
    from boocode.audit_log
    where true
      ${from === undefined ? db`` : db`and at >= ${from}`}
      ${to === undefined ? db`` : db`and at < ${to}`}
      ${person === undefined ? db`` : db`and (person_id = ${person} or lower(person_name) = lower(${person}))`}
      ${chat === undefined ? db`` : db`and chat_id = ${chat}::uuid`}
      ${act === undefined ? db`` : db`and act = ${act}`}
      ${outcome === undefined ? db`` : db`and outcome = ${outcome}`}
      ${after === undefined ? db`` : isNewest ? db`and seq < ${after}` : db`and seq > ${after}`}
    order by seq ${isNewest ? db`desc` : db`asc`} limit ${limit}`;
}

export function toAuditEntry({ personId, personName, personRole, details, at, ...row }: Stored): AuditEntry {
  const person = personId === null ? null : { id: personId, name: personName ?? '', role: personRole ?? leastRole };
  const { seq, id, ...rest } = row;
  return { seq, id, at: at.toISOString(), person, ...rest, details: JSON.parse(details) as Record<string, unknown> };
}
