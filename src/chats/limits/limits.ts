/** What chats cost and may use, before a prompt is sent. */
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { PlanUsage } from '../../protocol/plan-usage.ts';
import type { WakeCost } from '../../protocol/wake-cost.ts';
import type { Sql } from '../../store/database.ts';
import { ask } from '../storage.ts';
import { readPlanUsage } from './plan-usage.ts';
import { readWakeCost } from './wake-cost.ts';

export class Limits {
  readonly #sql: Sql;
  readonly #clock: Clock;

  constructor({ sql, clock = systemClock }: { sql: Sql; clock?: Clock | undefined }) {
    this.#sql = sql;
    this.#clock = clock;
  }

  /** What the chat's next prompt sends again, and about what that costs. Throws `not_found`. */
  wakeCost(chatId: string): Promise<WakeCost> {
    return ask(() => readWakeCost(this.#sql, this.#clock, chatId));
  }

  /** How much of their accounts' plans hosts have heard to be used. */
  planUsage(): Promise<PlanUsage> {
    return ask(() => readPlanUsage(this.#sql));
  }
}
