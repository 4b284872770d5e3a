import type { Decision, DecisionKind, DecisionOutcome } from '../protocol/decision.ts';
import type { Actor, DoneBy } from '../protocol/principal.ts';
import { cleanText } from './clean-text.ts';
import type { Sql } from './database.ts';

interface Row {
  id: string;
  chatId: string;
  turnId: string | null;
  kind: DecisionKind;
  title: string;
  input: string;
  toolName: string | null;
  toolCallId: string | null;
  canAllowAlways: boolean;
  alwaysScope: string;
  requestedAt: Date;
  resolvedAt: Date | null;
  outcome: DecisionOutcome | null;
  by: string | null;
  actor: string | null;
  ordinal: number;
}

function toDecision(row: Row): Decision {
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

const columns = (db: Sql) => db`
  id, chat_id as "chatId", turn_id as "turnId", kind, title, input, tool_name as "toolName", tool_call_id as "toolCallId",
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
  canAllowAlways: boolean;
  alwaysScope: string[];
}

/** Goes with the append of `decision_requested`. */
export function insertDecision(db: Sql, decision: NewDecision) {
  return db`
    insert into boocode.decisions (id, chat_id, turn_id, kind, title, input, tool_name, tool_call_id, can_allow_always,
      always_scope)
    values (${decision.id}, ${decision.chatId}, ${decision.turnId}, ${decision.kind},
      ${cleanText(decision.title)}, ${JSON.stringify(decision.input)}::text::json,
      ${decision.toolName && cleanText(decision.toolName)}, ${decision.toolCallId && cleanText(decision.toolCallId)}, ${decision.canAllowAlways},
      ${JSON.stringify(decision.alwaysScope)}::text::json)`;
}

export interface Settlement extends DoneBy {
  outcome: DecisionOutcome;
  /** The answer as it was given. */
  answer?: object | undefined;
}

/**
 * Goes with the append of `decision_resolved`. Only the lease holder settles, one write at a time, after checking that
 * the decision is pending: the condition here is a second safeguard.
 */
export function settleDecision(db: Sql, id: string, settlement: Settlement) {
  const { principal, via } = settlement;
  return db`
    update boocode.decisions set outcome = ${settlement.outcome}, resolved_at = clock_timestamp(),
      resolved_by = ${settlement.by}, actor = ${principal ? JSON.stringify({ principal, via }) : null}::text::json,
      answer = ${JSON.stringify(settlement.answer ?? {})}::text::json
    where id = ${id} and outcome is null`;
}

export async function findDecision(db: Sql, id: string): Promise<Decision | null> {
  const [row] = await db<Row[]>`select ${columns(db)} from boocode.decisions where id = ${id}`;
  return row ? toDecision(row) : null;
}

/** Decisions a chat still waits for. */
export async function findPendingDecisions(db: Sql, chatId: string): Promise<Decision[]> {
  const rows = await db<Row[]>`
    select ${columns(db)} from boocode.decisions where chat_id = ${chatId} and outcome is null order by ordinal`;
  return rows.map(toDecision);
}

/** What a person allowed in a turn. */
export async function findAllowedDecisions(db: Sql, turnId: string): Promise<Decision[]> {
  const rows = await db<Row[]>`
    select ${columns(db)} from boocode.decisions
    where turn_id = ${turnId} and outcome in ('allow', 'allow_always') order by ordinal`;
  return rows.map(toDecision);
}

/** Oldest first. `after` is an ordinal. */
export async function listDecisions(
  db: Sql,
  page: { status?: 'pending' | 'resolved' | undefined; chatId?: string | undefined; after: number; limit: number },
): Promise<{ items: Decision[]; last: number | null }> {
  const rows = await db<Row[]>`
    select ${columns(db)} from boocode.decisions
    where ordinal > ${page.after}
      ${page.status === 'pending' ? db`and outcome is null` : page.status === 'resolved' ? db`and outcome is not null` : db``}
      ${page.chatId === undefined ? db`` : db`and chat_id = ${page.chatId}`}
    order by ordinal limit ${page.limit}`;
  return { items: rows.map(toDecision), last: rows.at(-1)?.ordinal ?? null };
}
