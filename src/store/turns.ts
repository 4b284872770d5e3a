import type { EventType, TurnError, TurnOutcome, Usage } from '../protocol/event.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';

/** Goes with the append of `turn_started`. */
export function insertTurn(db: Sql, lease: Lease, turnId: string) {
  return db`insert into boocode.turns (id, chat_id, epoch) values (${turnId}, ${lease.chatId}, ${lease.epoch})`;
}

/** Goes with the append of `turn_started`: the prompt no longer waits. */
export function takePrompt(db: Sql, lease: Lease, taken: { promptId: string; turnId: string; starts: number }) {
  return db`
    update boocode.prompts set turn_id = ${taken.turnId}, starts = ${taken.starts}
    where chat_id = ${lease.chatId} and id = ${taken.promptId} and turn_id is null`;
}

export interface FinishedTurn {
  id: string;
  outcome: TurnOutcome;
  error?: TurnError | undefined;
  usage: Usage;
  costUsd: number;
}

/** Goes with the append of `turn_finished`. */
export function finishTurn(db: Sql, turn: FinishedTurn) {
  return db`
    update boocode.turns set outcome = ${turn.outcome}, finished_at = clock_timestamp(), cost_usd = ${turn.costUsd},
      error = ${turn.error ? JSON.stringify(turn.error) : null}::text::json,
      usage = ${JSON.stringify(turn.usage)}::text::json
    where id = ${turn.id} and outcome is null`;
}

/** The turn that a previous holder of the chat left running, if any, and the epoch in which it was started. */
export async function findRunningTurn(db: Sql, chatId: string): Promise<{ id: string; epoch: number } | null> {
  const [row] = await db<{ id: string; epoch: number }[]>`
    select id, epoch from boocode.turns where chat_id = ${chatId} and outcome is null`;
  return row ?? null;
}

/** When the chat's last turn began: not one that it has copied from another chat. Null without any. */
export async function findLastTurnAt(db: Sql, chatId: string): Promise<Date | null> {
  const [row] = await db<{ at: Date | null }[]>`
    select greatest(max(turns.started_at), chats.created_at) as at from boocode.chats, boocode.turns
    where chats.id = ${chatId} and turns.chat_id = ${chatId} group by chats.created_at`;
  return row?.at ?? null;
}

/** Events that do not prove that the agent received a prompt. */
const signsOfNothing = [
  'turn_started',
  'notice',
  'current_mode_update',
  'current_directory_update',
  'available_commands_update',
  'background_tasks',
] satisfies EventType[];

/** How far back to look for a turn's start. */
const maxEventsBehind = 1_000;

/** Whether the log's last turn, this one, shows no sign that the agent received its prompt. */
export async function isTurnSilent(db: Sql, chatId: string, turnId: string): Promise<boolean> {
  const events = await db<{ type: EventType; turnId: string | null }[]>`
    select type, turn_id as "turnId" from boocode.events where chat_id = ${chatId} order by seq desc limit ${maxEventsBehind}`;
  const begun = events.findIndex((event) => event.type === 'turn_started' && event.turnId === turnId);
  return (
    begun !== -1 && events.slice(0, begun).every((event) => event.turnId !== turnId || isSignOfNothing(event.type))
  );
}

export function isSignOfNothing(type: string): boolean {
  return (signsOfNothing as readonly string[]).includes(type);
}

/** Those of the ids that are turns, of any chat: a session may have been copied from another one. */
export async function findTurnIds(db: Sql, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await db<{ id: string }[]>`select id from boocode.turns where id = any(${ids as string[]}::uuid[])`;
  return new Set(rows.map(({ id }) => id));
}
