/**
 * Copies a chat up to the end of a turn. The rows stay in the database, whatever there is of them, and all of it is one
 * statement: the copy is whole, or does not exist. The chat that is copied is only read, so it does not matter who holds it.
 */
import type { AgentDirectory, EventBody } from '../protocol/event.ts';
import type { ForkedFrom } from '../protocol/fork.ts';
import { json, type NewChat, newChatColumns } from './chats.ts';
import type { Sql } from './database.ts';
import { noTurn } from './prompts.ts';
import { toColumn } from './session-store-rows.ts';
import type { SlowLane } from './slow-lane.ts';
import type { TurnToFork } from './fork-turns.ts';

export interface ForkEntry {
  ordinal: number;
  /** The entry's JSON text, as it was stored. */
  json: string;
  at: string;
  /** When it was stored: before the turn, during it, after its end, or after the next one's start. */
  when: 'before' | 'during' | 'between' | 'later';
}

/** Rows read for one page, and stored bytes, mostly compressed, after which a page ends. */
const [pageRows, pageBytes] = [500, 256 * 1024];

/** The next entries of a session's own transcript, in order; of those before the turn, only the ones of these types. */
export function readForkEntries(
  slow: SlowLane,
  { chatId, sessionId, turn, types }: { chatId: string; sessionId: string; turn: TurnToFork; types: readonly string[] },
  after: number,
): Promise<ForkEntry[]> {
  const ofTypes = types.map((type) => `%"type":"${type}"%`);
  const time = (db: Sql, at: string | null) => db`${at}::text::timestamptz`;
  return slow.ask(
    (db) => db<ForkEntry[]>`
    select ordinal, entry::text as json, stored_at::text as at, case
      when stored_at < ${time(db, turn.startedAt)} then 'before' when stored_at <= ${time(db, turn.finishedAt)} then 'during'
      when stored_at < coalesce(${time(db, turn.nextAt)}, 'infinity') then 'between' else 'later' end as "when"
    from (
      select ordinal, entry, stored_at, sum(pg_column_size(entry)) over (order by ordinal) - pg_column_size(entry) as bytes_before
      from (
        select ordinal, entry, stored_at from boocode.claude_session_entries
        where project_key = ${chatId} and session_id = ${toColumn(sessionId)} and subpath = '' and ordinal > ${after}
          and (stored_at >= ${time(db, turn.startedAt)} or entry::text like any(${ofTypes}::text[]))
        order by ordinal limit ${pageRows}
      ) as candidates
    ) as page
    where bytes_before < ${pageBytes} order by ordinal`,
    { limitMs: 60_000 },
  );
}

export interface Fork {
  chat: NewChat;
  from: ForkedFrom;
  sessions: { from: string; to: string };
  /**
   * Where the copy ends: the first ordinal of the session's own transcript that it has not, when that was stored, and when the
   * agent wrote the last entry before it, if that says so. Each transcript is stored for itself, so what sub-agents wrote goes
   * by the latter.
   */
  end: { ordinal: number; at: string; writtenAt: string | null };
  /** Entries before that, which are not copied either. */
  left: readonly number[];
  agentDirectory: AgentDirectory | null;
  /** It has a worktree, which has been made: the fork is stored only if that has not been given up meanwhile. */
  isIsolated: boolean;
  /** What follows in the new log. */
  events: readonly EventBody[];
}

/** Text within JSON has its quotes escaped, so only the keys themselves match. */
const keys = [(id: string) => `"sessionId":"${id}"`, (id: string) => `"session_id":"${id}"`];
/** Of files that come along. A model's own words are left alone: some are signed. */
const paths = [(id: string) => `/${id}/tool-results/`, (id: string) => `/${id}/subagents/`];

/** Copying a hundred thousand events takes some seconds. */
const copyLimitMs = 120_000;

/** False if the chat does not exist any more. Safe to repeat under the same id. */
export async function insertFork(slow: SlowLane, fork: Fork): Promise<boolean> {
  const late = 'Copying the chat took too long.';
  const rows = await slow.ask((db) => insert(db, fork), { limitMs: copyLimitMs, late });
  return rows.length === 1;
}

function insert(db: Sql, { chat, from, sessions, end, left, agentDirectory, isIsolated, events }: Fork) {
  const { chatId: parent, seq: at } = from;
  const { id, ...rest } = newChatColumns(db, chat);
  const columns = {
    ...rest,
    forked_from: json(db, from) as unknown as string,
    next_seq: at + events.length + 1,
    ...(agentDirectory && { agent_directory: json(db, agentDirectory) as unknown as string }),
  };
  const names = Object.keys(columns).map((name) => db`, ${db(name)}`);
  const values = Object.values(columns).map((value) => db`, ${value}`);
  const [old, fresh] = [toColumn(sessions.from), toColumn(sessions.to)];
  const endTime = db`${end.at}::text::timestamptz`;
  const replaced = (places: readonly ((sessionId: string) => string)[]) =>
    places.reduce((all, of) => db`replace(${all}, ${of(sessions.from)}, ${of(sessions.to)})`, db`entry::text`);
  // Not by its operator, which refuses an entry with characters that a text cannot have.
  const writtenAt = (table: string) =>
    db`substring(${db(table)}.entry::text from '"timestamp":"([-0-9T:.]+Z)"') collate "C"`;
  // Its notes have no time of their own.
  const begunAt = db`(
    select min(${writtenAt('same')}) from boocode.claude_session_entries as same
    where same.project_key = ${parent} and same.session_id = ${old} and same.subpath = entries.subpath)`;
  return db<{ id: string }[]>`
    with ready as (
      update boocode.worktrees set state = 'ready' where chat_id = ${id} and state in ('making', 'ready') returning chat_id
    ),
    parent as materialized (
      select id from boocode.chats where id = ${parent} and importing_session is null
        and (${!isIsolated}::boolean or exists (select from ready))
      for key share
    ),
    made as (
      insert into boocode.chats (id ${names}) select ${id}::uuid ${values} from parent
      on conflict (id) do nothing returning id
    ),
    log as (
      insert into boocode.events (chat_id, seq, at, turn_id, type, payload)
      select made.id, seq, at, turn_id, type, payload from made, boocode.events where chat_id = ${parent} and seq <= ${at}
    ),
    added as (
      insert into boocode.events (chat_id, seq, at, type, payload)
      select made.id, ${at}::bigint + new.ordinal, statement_timestamp(), new.type, new.payload::json
      from made, unnest(
        ${events.map(({ type }) => type)}::text[], ${events.map((body) => JSON.stringify(body))}::text[]
      ) with ordinality as new (type, payload, ordinal)
    ),
    old_turns as materialized (
      select id, gen_random_uuid() as fresh, outcome, error, usage, started_at, finished_at from boocode.turns
      where chat_id = ${parent} and outcome is not null
        and started_at <= (select at from boocode.events where chat_id = ${parent} and seq = ${at})
    ),
    turns as (
      insert into boocode.turns (id, chat_id, epoch, outcome, error, usage, started_at, finished_at)
      select fresh, made.id, 0, outcome, error, usage, started_at, finished_at from made, old_turns
    ),
    prompts as (
      insert into boocode.prompts (chat_id, id, seq, content, content_hash, turn_id, accepted_at, actor, rewound)
      select made.id, old.id, old.seq, content, content_hash, coalesce(old_turns.fresh, ${noTurn}::uuid), accepted_at, actor,
        old.id in (
          select json_array_elements_text(payload -> 'promptIds') from boocode.events
          where chat_id = ${parent} and seq <= ${at} and type = 'session_rewound'
        )
      from made, boocode.prompts as old left join old_turns on old_turns.id = old.turn_id
      where chat_id = ${parent} and old.seq <= ${at}
    ),
    sessions as (
      insert into boocode.agent_sessions (chat_id, agent, backend, session_id, model, counted_usage)
      select made.id, agent, ${chat.backend}, ${sessions.to}::uuid, model, '{}' from made, boocode.agent_sessions
      where chat_id = ${parent} and agent = ${chat.agent}
    ),
    entries as (
      insert into boocode.claude_session_entries (project_key, session_id, subpath, uuid, entry, stored_at)
      select made.id::text, ${fresh}, subpath, uuid,
        (case when entry::text like '%"type":"assistant"%' then ${replaced(keys)} else ${replaced([...keys, ...paths])} end)::json, stored_at
      from made, boocode.claude_session_entries as entries
      where project_key = ${parent} and session_id = ${old}
        and case when subpath = '' then ordinal < ${end.ordinal} else coalesce(
          ${writtenAt('entries')} <= ${end.writtenAt}::text, ${begunAt} <= ${end.writtenAt}::text, stored_at < ${endTime}) end
        and ordinal not in (select unnest(${left as number[]}::bigint[]))
      order by subpath, ordinal
    ),
    files as (
      insert into boocode.side_files (chat_id, session_id, name, size, changed_at, content)
      select made.id, ${fresh}, name, size, changed_at, content from made, boocode.side_files
      where chat_id = ${parent} and session_id = ${old} and changed_at < ${endTime}
    )
    select id from boocode.chats where id = ${chat.id} union select id from made`;
}
