import type { AgentName, BackendName } from '../protocol/chat.ts';
import type { Usage } from '../protocol/event.ts';
import { cleanText } from './clean-text.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';
import { enterUsage, type UsageShare } from './usage-ledger.ts';

/** By model. */
type ModelUsage = Readonly<Record<string, Usage & { costUsd: number }>>;

export interface AgentSessionRow {
  sessionId: string;
  model: string | null;
}

/**
 * The agent's session for a chat: created under the given id at the first call, unchanged after that. For an adopted
 * session, the agent's count so far is not to be booked.
 */
export async function openAgentSession(
  db: Sql,
  lease: Lease,
  session: { agent: AgentName; backend: BackendName; sessionId: string; isAdopted?: boolean },
): Promise<AgentSessionRow | null> {
  const [row] = await db<AgentSessionRow[]>`
    insert into boocode.agent_sessions (chat_id, agent, backend, session_id, counted_usage)
    select id, ${session.agent}, ${session.backend}, ${session.sessionId}, ${session.isAdopted === true ? null : '{}'}::text::jsonb from boocode.chats
    where id = ${lease.chatId} and epoch = ${lease.epoch}
    on conflict (chat_id, agent) do update set backend = excluded.backend, updated_at = clock_timestamp()
    returning session_id as "sessionId", model`;
  return row ?? null;
}

/** The chat's sessions, one per agent. */
export function findAgentSessions(db: Sql, chatId: string): Promise<{ sessionId: string }[]> {
  return db<
    { sessionId: string }[]
  >`select session_id as "sessionId" from boocode.agent_sessions where chat_id = ${chatId}`;
}

/** The session the agent resumes; null before its first start. */
export async function findAgentSession(db: Sql, chatId: string, agent: AgentName): Promise<string | null> {
  const [row] = await db<{ sessionId: string }[]>`
    select session_id as "sessionId" from boocode.agent_sessions where chat_id = ${chatId} and agent = ${agent}`;
  return row?.sessionId ?? null;
}

/** Ends an update of the chat's session: only under the lease. */
const ofLease = (db: Sql, lease: Lease, agent: AgentName) => db`
  from boocode.chats where chats.id = ${lease.chatId} and chats.epoch = ${lease.epoch}
    and agent_sessions.chat_id = chats.id and agent_sessions.agent = ${agent}`;

/** Goes with the append of `session_started`: the agent may have started another session, as `/clear` does. */
export function setAgentSession(
  db: Sql,
  lease: Lease,
  agent: AgentName,
  session: { sessionId: string; model: string | null },
) {
  return db`
    update boocode.agent_sessions set session_id = ${session.sessionId}, model = ${session.model && cleanText(session.model)},
      counted_usage = case when session_id = ${session.sessionId} then counted_usage end, updated_at = clock_timestamp()
    ${ofLease(db, lease, agent)}`;
}

/** Goes with the append of `session_rewound`: the agent continues in another session. */
export function setSessionId(db: Sql, lease: Lease, agent: AgentName, sessionId: string) {
  return db`
    update boocode.agent_sessions set session_id = ${sessionId}, counted_usage = null, updated_at = clock_timestamp()
    ${ofLease(db, lease, agent)}`;
}

/** Goes with the append of a flip. A chat whose agent never ran has no session yet. */
export function setSessionBackend(db: Sql, lease: Lease, agent: AgentName, backend: BackendName) {
  return db`
    update boocode.agent_sessions set backend = ${backend}, updated_at = clock_timestamp()
    ${ofLease(db, lease, agent)}`;
}

/**
 * Goes with the append of `turn_finished`, or of what a session cost beyond its turns: enters the share in the ledger, and adds
 * it to the session. Nothing else in `chats` may add usage, so that both have the same sums. For `isLate` see `enterUsage`.
 */
export function bookUsage(
  db: Sql,
  lease: Lease,
  agent: AgentName,
  share: UsageShare,
  { counted, isLate }: { counted?: ModelUsage | 'apart' | undefined; isLate?: boolean } = {},
) {
  return [addUsage(db, lease, agent, share, counted), ...enterUsage(db, lease, agent, share, { isLate })];
}

/**
 * Only for `bookUsage`, and tests: adds the share to the running
 * totals, and to the booked part of the agent's own count, or sets that to `counted`. `apart`: that count lacks the share.
 */
export function addUsage(
  db: Sql,
  lease: Lease,
  agent: AgentName,
  share: { costUsd: number; models: ModelUsage },
  counted?: ModelUsage | 'apart',
) {
  const models = usageJson(share.models);
  // Sums per model and per number, over the stored and the new values.
  const sum = (column: 'model_usage' | 'counted_usage') => db`(
    select coalesce(jsonb_object_agg(model, numbers), '{}') from (
      select model, jsonb_object_agg(name, total) as numbers from (
        select m.key as model, n.key as name, sum(n.value::double precision) as total
        from (
          select * from jsonb_each(${db(column)})
          union all select * from jsonb_each(${models}::text::jsonb)
        ) as m, jsonb_each_text(m.value) as n
        group by m.key, n.key
      ) as summed group by model
    ) as merged
  )`;
  const countedUsage = () => {
    if (counted === 'apart') return db`counted_usage`;
    if (counted) return db`${usageJson(counted)}::text::jsonb`;
    return db`case when counted_usage is not null then ${sum('counted_usage')} end`;
  };
  return db`
    update boocode.agent_sessions set cost_usd = agent_sessions.cost_usd + ${share.costUsd}, updated_at = clock_timestamp(),
      model_usage = ${sum('model_usage')},
      counted_usage = ${countedUsage()}
    ${ofLease(db, lease, agent)}`;
}

/** How much of the agent's own count of its session is booked; null if unknown. */
export async function findCountedUsage(db: Sql, chatId: string, agent: AgentName): Promise<ModelUsage | null> {
  const [row] = await db<{ counted: string | null }[]>`
    select counted_usage::text as counted from boocode.agent_sessions where chat_id = ${chatId} and agent = ${agent}`;
  const counted = row?.counted ?? null;
  return counted === null ? null : (JSON.parse(counted) as ModelUsage);
}

/** The agent keeps counting from here, and none of its count so far is to be booked. */
export function setCountedUsage(db: Sql, lease: Lease, agent: AgentName, models: ModelUsage) {
  return db`
    update boocode.agent_sessions set counted_usage = ${usageJson(models)}::text::jsonb, updated_at = clock_timestamp()
    ${ofLease(db, lease, agent)}`;
}

function usageJson(models: ModelUsage): string {
  return JSON.stringify(Object.fromEntries(Object.entries(models).map(([name, cost]) => [cleanText(name), cost])));
}
