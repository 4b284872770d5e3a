import type { Decision, DecisionAnswer, DecisionKind, DecisionOutcome } from '../protocol/decision.ts';
import type { Actor, DoneBy } from '../protocol/principal.ts';
import { isOfVisible } from './chat-access.ts';
import { cleanText } from './clean-text.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';

export interface DecisionRow {
  id: string;
  chatId: string;
  turnId: string | null;
  kind: DecisionKind;
  title: string;
  input: string;
  toolName: string | null;
  toolCallId: string | null;
  subagentCallId: string | null;
  canAllowAlways: boolean;
  alwaysScope: string;
  requestedAt: Date;
  resolvedAt: Date | null;
  outcome: DecisionOutcome | null;
  by: string | null;
  actor: string | null;
  ordinal: number;
}

export function toDecision(row: DecisionRow): Decision {
  const { ordinal: _, input, alwaysScope, requestedAt, resolvedAt, outcome, actor, ...rest } = row;
  const { principal = null, via = null } = actor === null ? {} : (JSON.parse(actor) as Actor);
  return {
    ...rest,
    principal,
    via,
    input: JSON.parse(input) as Record<string, unknown>,
    alwaysScope: JSON.parse(alwaysScope) as string[],
    status: outcome === null ? 'pending' : 'resolved',
    requestedAt: requestedAt.toISOString(),
    resolvedAt: resolvedAt?.toISOString() ?? null,
    outcome,
  };
}

export const decisionColumns = (db: Sql) => db`
  id, chat_id as "chatId", turn_id as "turnId", kind, title, input, tool_name as "toolName", tool_call_id as "toolCallId", subagent_call_id as "subagentCallId",
  can_allow_always as "canAllowAlways", always_scope as "alwaysScope", requested_at as "requestedAt", resolved_at as "resolvedAt", outcome,
  resolved_by as "by", actor, ordinal`;

export interface NewDecision {
  id: string;
  chatId: string;
  turnId: string;
  kind: DecisionKind;
  title: string;
  input: Record<string, unknown>;
  toolName: string | null;
  toolCallId: string | null;
  subagentCallId?: string | null;
  canAllowAlways: boolean;
  alwaysScope: string[];
}

/** Goes with the append of `decision_requested`. */
export function insertDecision(db: Sql, decision: NewDecision) {
  return db`
    insert into boocode.decisions (id, chat_id, turn_id, kind, title, input, tool_name, tool_call_id, subagent_call_id,
      can_allow_always, always_scope, requested_at)
    values (${decision.id}, ${decision.chatId}, ${decision.turnId}, ${decision.kind},
      ${cleanText(decision.title)}, ${JSON.stringify(decision.input)}::text::json,
      ${decision.toolName && cleanText(decision.toolName)}, ${decision.toolCallId && cleanText(decision.toolCallId)},
      ${decision.subagentCallId ? cleanText(decision.subagentCallId) : null}, ${decision.canAllowAlways},
      ${JSON.stringify(decision.alwaysScope)}::text::json, statement_timestamp())`;
}

export interface Settlement extends DoneBy {
  outcome: DecisionOutcome;
  /** The answer as it was given. */
  answer?: object | undefined;
  /** The agent has yet to get the answer: see `handOver`. */
  isOpen?: boolean | undefined;
}

/**
 * Goes with the append of `decision_resolved`. Only the lease holder settles, one write at a time, after checking that
 * the decision is pending: the condition here is a second safeguard.
 */
export function settleDecision(db: Sql, id: string, settlement: Settlement) {
  const { principal, via } = settlement;
  return db`
    update boocode.decisions set outcome = ${settlement.outcome}, resolved_at = statement_timestamp(),
      resolved_by = ${settlement.by}, actor = ${principal ? JSON.stringify({ principal, via }) : null}::text::json,
      answer = ${JSON.stringify(settlement.answer ?? {})}::text::json, is_open = ${settlement.isOpen ?? false}
    where id = ${id} and outcome is null`;
}

export async function findDecision(db: Sql, id: string): Promise<Decision | null> {
  const [row] = await db<DecisionRow[]>`select ${decisionColumns(db)} from boocode.decisions where id = ${id}`;
  return row ? toDecision(row) : null;
}

/** Stores that the agent gets the answer now. False if another host has the chat. */
export async function handOver(db: Sql, lease: Lease, id: string): Promise<boolean> {
  const rows = await db`
    update boocode.decisions set is_open = false from boocode.chats
    where chats.id = ${lease.chatId} and chats.epoch = ${lease.epoch}
      and decisions.chat_id = chats.id and decisions.id = ${id}
    returning decisions.id`;
  return rows.length === 1;
}

/** The agent did not get the answer after all. */
export async function takeBack(db: Sql, lease: Lease, id: string): Promise<void> {
  await db`
    update boocode.decisions set is_open = true from boocode.chats
    where chats.id = ${lease.chatId} and chats.epoch = ${lease.epoch}
      and decisions.chat_id = chats.id and decisions.id = ${id}`;
}

/** Goes with the append that says why: the agent will not get the answer. */
export function closeDecision(db: Sql, id: string) {
  return db`update boocode.decisions set is_open = false where id = ${id}`;
}

export interface OpenDecision {
  decision: Decision;
  /** What a person has answered, which the agent has not got yet. */
  answer: DecisionAnswer | null;
}

/** What a chat waits for, and what its agent has yet to hear. */
export async function findOpenDecisions(db: Sql, chatId: string): Promise<OpenDecision[]> {
  const rows = await db<(DecisionRow & { answer: string | null })[]>`
    select ${decisionColumns(db)}, answer from boocode.decisions where chat_id = ${chatId} and is_open order by ordinal`;
  return rows.map(({ answer, ...row }) => ({
    decision: toDecision(row),
    answer: row.outcome === null || answer === null ? null : (JSON.parse(answer) as DecisionAnswer),
  }));
}

/**
 * What a person allowed in a turn, and the agent has got. Of a turn that this one continues, only calls whose result or
 * lack of one is not in the log yet.
 */
export async function findAllowedDecisions(db: Sql, turnId: string): Promise<Decision[]> {
  const rows = await db<DecisionRow[]>`
    with continued as (
      select (events.payload ->> 'continuesTurnId')::uuid as id from boocode.turns
        join boocode.events on events.chat_id = turns.chat_id and events.turn_id = turns.id and events.type = 'turn_started'
      where turns.id = ${turnId})
    select ${decisionColumns(db)} from boocode.decisions
    where outcome in ('allow', 'allow_always') and not is_open
      and (turn_id = ${turnId} or (turn_id in (select id from continued) and not exists (
        select from boocode.events where events.chat_id = decisions.chat_id and type in ('tool_call_update', 'notice')
          and position(decisions.tool_call_id in payload::text) > 0)))
    order by ordinal`;
  return rows.map(toDecision);
}

/** Oldest first. `after` is an ordinal. */
export async function listDecisions(
  db: Sql,
  page: {
    status?: 'pending' | 'resolved' | undefined;
    chatId?: string | undefined;
    visibleTo?: string | undefined;
    after: number;
    limit: number;
  },
): Promise<{ items: Decision[]; last: number | null }> {
  const rows = await db<DecisionRow[]>`
    select ${decisionColumns(db)} from boocode.decisions
    where ordinal > ${page.after} and ${isOfVisible(db, page.visibleTo, 'decisions.chat_id')}
      ${page.status === 'pending' ? db`and outcome is null` : page.status === 'resolved' ? db`and outcome is not null` : db``}
      ${page.chatId === undefined ? db`` : db`and chat_id = ${page.chatId}`}
    order by ordinal limit ${page.limit}`;
  return { items: rows.map(toDecision), last: rows.at(-1)?.ordinal ?? null };
}
