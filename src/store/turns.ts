import type { TurnError, TurnOutcome, Usage } from '../protocol/event.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';

/** Goes with the append of `turn_started`. */
export function insertTurn(db: Sql, lease: Lease, turnId: string) {
  return db`insert into boocode.turns (id, chat_id, epoch) values (${turnId}, ${lease.chatId}, ${lease.epoch})`;
}

/** Goes with the append of `turn_started`: the prompt waits no more. */
export function takePrompt(db: Sql, lease: Lease, taken: { promptId: string; turnId: string }) {
  return db`
    update boocode.prompts set turn_id = ${taken.turnId}
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

/** The turn that was left running by whoever held the chat before, if any. */
export async function findRunningTurn(db: Sql, chatId: string): Promise<string | null> {
  const [row] = await db<{ id: string }[]>`select id from boocode.turns where chat_id = ${chatId} and outcome is null`;
  return row?.id ?? null;
}
