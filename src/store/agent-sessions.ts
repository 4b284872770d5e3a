import type { AgentName, BackendName, Effort } from '../protocol/chat.ts';
import type { Usage } from '../protocol/event.ts';
import { cleanText } from './clean-text.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';

export interface AgentSessionRow {
  sessionId: string;
  model: string | null;
  effort: Effort | null;
}

/** The agent's session for a chat; made under the given id at the first call, and the same ever after. */
export async function openAgentSession(
  db: Sql,
  lease: Lease,
  session: { agent: AgentName; backend: BackendName; sessionId: string },
): Promise<AgentSessionRow | null> {
  const [row] = await db<AgentSessionRow[]>`
    insert into boocode.agent_sessions (chat_id, agent, backend, session_id)
    select id, ${session.agent}, ${session.backend}, ${session.sessionId} from boocode.chats
    where id = ${lease.chatId} and epoch = ${lease.epoch}
    on conflict (chat_id, agent) do update set backend = excluded.backend, updated_at = clock_timestamp()
    returning session_id as "sessionId", model, effort`;
  return row ?? null;
}

/** The chat's sessions, one per agent. */
export function findAgentSessions(db: Sql, chatId: string): Promise<{ sessionId: string }[]> {
  return db<
    { sessionId: string }[]
  >`select session_id as "sessionId" from boocode.agent_sessions where chat_id = ${chatId}`;
}

/** The session that the agent goes on with; null before its first start. */
export async function findAgentSession(db: Sql, chatId: string, agent: AgentName): Promise<string | null> {
  const [row] = await db<{ sessionId: string }[]>`
    select session_id as "sessionId" from boocode.agent_sessions where chat_id = ${chatId} and agent = ${agent}`;
  return row?.sessionId ?? null;
}

/** Goes with the append of `session_started`: the agent may have begun another session, as `/clear` does. */
export function setAgentSession(
  db: Sql,
  lease: Lease,
  agent: AgentName,
  session: { sessionId: string; model: string | null },
) {
  return db`
    update boocode.agent_sessions set session_id = ${session.sessionId}, model = ${session.model && cleanText(session.model)},
      updated_at = clock_timestamp()
    from boocode.chats where chats.id = ${lease.chatId} and chats.epoch = ${lease.epoch}
      and agent_sessions.chat_id = chats.id and agent_sessions.agent = ${agent}`;
}

/** Goes with the append of `session_rewound`: the agent goes on in another session. */
export function setSessionId(db: Sql, lease: Lease, agent: AgentName, sessionId: string) {
  return db`
    update boocode.agent_sessions set session_id = ${sessionId}, updated_at = clock_timestamp()
    from boocode.chats where chats.id = ${lease.chatId} and chats.epoch = ${lease.epoch}
      and agent_sessions.chat_id = chats.id and agent_sessions.agent = ${agent}`;
}

/** Goes with the append of `current_effort_update`. */
export function setSessionEffort(db: Sql, lease: Lease, agent: AgentName, effort: Effort | null) {
  return db`
    update boocode.agent_sessions set effort = ${effort}, updated_at = clock_timestamp()
    from boocode.chats where chats.id = ${lease.chatId} and chats.epoch = ${lease.epoch}
      and agent_sessions.chat_id = chats.id and agent_sessions.agent = ${agent}`;
}

/** Goes with the append of a flip. A chat whose agent never ran has no session yet. */
export function setSessionBackend(db: Sql, lease: Lease, agent: AgentName, backend: BackendName) {
  return db`
    update boocode.agent_sessions set backend = ${backend}, updated_at = clock_timestamp()
    from boocode.chats where chats.id = ${lease.chatId} and chats.epoch = ${lease.epoch}
      and agent_sessions.chat_id = chats.id and agent_sessions.agent = ${agent}`;
}

/** Goes with the append of `turn_finished`, or of what a session cost beyond its turns: adds the share to the running totals. */
export function addUsage(
  db: Sql,
  lease: Lease,
  agent: AgentName,
  share: { costUsd: number; models: Record<string, Usage & { costUsd: number }> },
) {
  const models = Object.fromEntries(Object.entries(share.models).map(([name, cost]) => [cleanText(name), cost]));
  // Sums per model and per number, over what is stored and what came now.
  return db`
    update boocode.agent_sessions set cost_usd = agent_sessions.cost_usd + ${share.costUsd}, updated_at = clock_timestamp(),
      model_usage = (
        select coalesce(jsonb_object_agg(model, numbers), '{}') from (
          select model, jsonb_object_agg(name, total) as numbers from (
            select m.key as model, n.key as name, sum(n.value::double precision) as total
            from (
              select * from jsonb_each(model_usage)
              union all select * from jsonb_each(${JSON.stringify(models)}::text::jsonb)
            ) as m, jsonb_each_text(m.value) as n
            group by m.key, n.key
          ) as summed group by model
        ) as merged
      )
    from boocode.chats where chats.id = ${lease.chatId} and chats.epoch = ${lease.epoch}
      and agent_sessions.chat_id = chats.id and agent_sessions.agent = ${agent}`;
}
