/** What a fork needs to know about the turn after which it begins. What is stored up to there never changes. */
import type { EventBody, EventOf } from '../protocol/event.ts';
import type { Sql } from './database.ts';
import type { SlowLane } from './slow-lane.ts';

/** The seq of the chat's last finished turn; null if there is none. */
export async function findLastFinished(db: Sql, chatId: string): Promise<number | null> {
  const [row] = await db<{ seq: number }[]>`
    select seq from boocode.events where chat_id = ${chatId} and type = 'turn_finished' order by seq desc limit 1`;
  return row?.seq ?? null;
}

/** The times are the database's own, to the microsecond. */
export interface TurnToFork {
  turnId: string;
  /** Decisions that it left open. */
  openDecisionIds: readonly string[];
  /** Prompts of it that never reached the agent. */
  requeuedPromptIds: readonly string[];
  startedAt: string;
  finishedAt: string;
  /** When the next one began; null if none has. */
  nextAt: string | null;
  /** When this was read. */
  now: string;
  /** The session that it was in; null if it had none. */
  sessionId: string | null;
}

/** Null if this is not the end of a turn. */
export async function findTurnToFork(db: Sql, chatId: string, at: number): Promise<TurnToFork | null> {
  const [row] = await db<
    (Pick<TurnToFork, 'finishedAt' | 'nextAt' | 'now'> & { end: string; startedAt: string | null })[]
  >`
    select payload::text as end, clock_timestamp()::text as now, at::text as "finishedAt",
      (select started.at::text from boocode.events as started
        where started.chat_id = ${chatId} and started.seq < ${at} and started.type = 'turn_started'
          and started.turn_id = finished.turn_id
        order by started.seq desc limit 1) as "startedAt",
      (select next.at::text from boocode.events as next
        where next.chat_id = ${chatId} and next.seq > ${at} and next.type = 'turn_started'
        order by next.seq limit 1) as "nextAt"
    from boocode.events as finished
    where chat_id = ${chatId} and seq = ${at} and type = 'turn_finished'`;
  if (!row || row.startedAt === null) return null;
  const { turnId, openDecisionIds = [], requeuedPromptIds = [] } = JSON.parse(row.end) as EventOf<'turn_finished'>;
  const { startedAt, finishedAt, nextAt, now } = row;
  const sessionId = await findSessionAt(db, chatId, at);
  return { turnId, openDecisionIds, requeuedPromptIds, startedAt, finishedAt, nextAt, now, sessionId };
}

/** What a fork has copied is in one session, whatever the other chat's was called. */
async function findSessionAt(db: Sql, chatId: string, at: number): Promise<string | null> {
  const [row] = await db<{ sessionId: string }[]>`
    (select payload ->> 'sessionId' as "sessionId" from boocode.events
      where chat_id = ${chatId} and seq > ${at} and type = 'chat_forked' order by seq desc limit 1)
    union all
    (select payload ->> 'sessionId' from boocode.events
      where chat_id = ${chatId} and seq <= ${at} and type in ('session_started', 'session_rewound', 'chat_forked')
      order by seq desc limit 1)
    limit 1`;
  return row?.sessionId ?? null;
}

/** What the agent said last in a turn, itself and to the end. */
export async function findAnswer(
  db: Sql,
  chatId: string,
  { turnId, at }: { turnId: string; at: number },
): Promise<{ messageId: string; text: string } | null> {
  const rows = await db<{ payload: string }[]>`
    select payload::text as payload from boocode.events
    where chat_id = ${chatId} and seq < ${at} and turn_id = ${turnId} and type = 'agent_message'
      and seq > (select max(seq) from boocode.events where chat_id = ${chatId} and seq < ${at} and type = 'turn_started')
    order by seq desc limit 50`;
  for (const { payload } of rows) {
    const message = JSON.parse(payload) as EventOf<'agent_message'>;
    if (message.parentToolCallId !== undefined || message.isPartial) continue;
    const text = message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
    return { messageId: message.messageId, text };
  }
  return null;
}

/** How many events after the turn are looked at. */
const laterEvents = 20;

/** Ids of the turns after this event, and of messages that began them: the agent's transcript may have the same. */
export async function findLaterIds(db: Sql, chatId: string, at: number): Promise<ReadonlySet<string>> {
  const rows = await db<{ payload: string }[]>`
    select payload::text as payload from boocode.events
    where chat_id = ${chatId} and seq > ${at} and type in ('turn_started', 'user_message', 'incoming_message')
    order by seq limit ${laterEvents}`;
  return new Set(
    rows.flatMap(({ payload }) => {
      const body = JSON.parse(payload) as EventBody;
      if (body.type === 'turn_started') return [body.turnId];
      return body.type === 'user_message' || body.type === 'incoming_message' ? [body.messageId] : [];
    }),
  );
}

/** What was open in the log up to an event, and is nobody's any more in a copy of it. */
export interface LeftOpen {
  promptIds: string[];
  decisionIds: string[];
  isHeld: boolean;
  hasBackground: boolean;
  /** Where the agent was said to work; null if nothing was. */
  directory: { cwd: string; worktree: string | null } | null;
}

/** The payloads that are looked into contain nothing that a model or a tool wrote. */
export async function findLeftOpen(slow: SlowLane, chatId: string, at: number): Promise<LeftOpen> {
  const last = (db: Sql, types: readonly string[]) => db`
    select payload::text from boocode.events
    where chat_id = ${chatId} and seq <= ${at} and type = any(${types as string[]}::text[]) order by seq desc limit 1`;
  type Row = Record<'prompts' | 'decisions' | 'hold' | 'tasks' | 'directory', string | null>;
  const [row] = await slow.ask(
    (db) => db<Row[]>`
    with facts as materialized (
      select seq, type, payload from boocode.events
      where chat_id = ${chatId} and seq <= ${at} and type in ('turn_started', 'turn_finished', 'queue_resumed', 'prompt_cancelled')
    ),
    mentions as (
      select json_array_elements_text(payload -> 'promptIds') as id, seq, false as waits from facts where type = 'turn_started'
      union all select payload ->> 'promptId', seq, false from facts where type = 'prompt_cancelled'
      union all select json_array_elements_text(payload -> 'requeuedPromptIds'), seq, true from facts
        where type in ('turn_finished', 'queue_resumed') and payload::text like '%"requeuedPromptIds"%'
      union all select id, seq, true from boocode.prompts where chat_id = ${chatId} and seq <= ${at}
    ),
    latest as (select distinct on (id) id, waits, seq from mentions order by id, seq desc)
    select
      (select json_agg(id order by seq)::text from latest where waits) as prompts,
      (select json_agg(id order by ordinal)::text from boocode.decisions
        where chat_id = ${chatId} and requested_at <= (select at from boocode.events where chat_id = ${chatId} and seq = ${at})
          and (resolved_at is null or resolved_at > (select at from boocode.events where chat_id = ${chatId} and seq = ${at}))
      ) as decisions,
      (${last(db, ['queue_held', 'queue_resumed'])}) as hold,
      (${last(db, ['background_tasks'])}) as tasks,
      (${last(db, ['current_directory_update'])}) as directory`,
  );
  const parse = (json: string | null | undefined) => (json ? (JSON.parse(json) as EventBody) : null);
  const [hold, tasks, directory] = [parse(row?.hold), parse(row?.tasks), parse(row?.directory)];
  return {
    promptIds: JSON.parse(row?.prompts ?? '[]') as string[],
    decisionIds: JSON.parse(row?.decisions ?? '[]') as string[],
    isHeld: hold?.type === 'queue_held',
    hasBackground: tasks?.type === 'background_tasks' && tasks.tasks.length > 0,
    directory: directory?.type === 'current_directory_update' ? directory : null,
  };
}
