/** The budgets that all chats share, as somebody has set them. */
import type { PendingQuery, Row } from 'postgres';
import type { Sql } from './database.ts';
import { isMissingValue } from './storage-error.ts';

export type SharedBudgetName = 'day' | 'server';

/** What is set; whatever is not listed is up to each host. Null: any amount may be spent. */
export async function readBudgets(db: Sql): Promise<Partial<Record<SharedBudgetName, number | null>>> {
  const rows = await db<{ name: SharedBudgetName; limitUsd: number | null }[]>`
    select name, limit_usd as "limitUsd" from boocode.budgets where is_set`;
  return Object.fromEntries(rows.map(({ name, limitUsd }) => [name, limitUsd]));
}

/** `default` leaves it to each host again. The row still remembers the warning. */
export async function setBudgets(
  db: Sql,
  limits: readonly { name: SharedBudgetName; limitUsd: number | null | 'default' }[],
): Promise<void> {
  const rows = limits.map(({ name, limitUsd }) =>
    limitUsd === 'default' ? { name, is_set: false, limit_usd: null } : { name, is_set: true, limit_usd: limitUsd },
  );
  await db`
    insert into boocode.budgets (name, is_set, limit_usd)
    select name, is_set, limit_usd from json_to_recordset(${JSON.stringify(rows)}::text::json)
      as given (name text, is_set boolean, limit_usd double precision)
    on conflict (name) do update set is_set = excluded.is_set, limit_usd = excluded.limit_usd`;
}

/** About which limit somebody is warned, and since when it counts. */
export interface BudgetWarning {
  name: SharedBudgetName;
  limitUsd: number;
  since: Date | null;
}

/** Whether somebody was warned about this limit before. */
export async function isWarned(db: Sql, { name, limitUsd, since }: BudgetWarning): Promise<boolean> {
  const rows = await db`
    select from boocode.budgets
    where name = ${name} and (warned_usd, warned_for) is not distinct from (${limitUsd}::double precision, ${since}::timestamptz)`;
  return rows.length > 0;
}

/**
 * Goes with the write of the warning. If another host was faster the row gets no name, which the column refuses, and with it
 * the whole write: see `isAlreadyWarned`.
 */
export function noteWarning(db: Sql, { name, limitUsd, since }: BudgetWarning): PendingQuery<Row[]> {
  return db`
    insert into boocode.budgets as budget (name, warned_usd, warned_for)
    values (${name}, ${limitUsd}::double precision, ${since}::timestamptz)
    on conflict (name) do update set warned_usd = excluded.warned_usd, warned_for = excluded.warned_for,
      name = case when (budget.warned_usd, budget.warned_for) is distinct from (excluded.warned_usd, excluded.warned_for)
        then budget.name end`;
}

export const isAlreadyWarned = (error: unknown): boolean => isMissingValue(error, 'budgets', 'name');
