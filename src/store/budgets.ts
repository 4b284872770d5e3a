/** The budgets that all chats share, as somebody has set them. */
import type { Sql } from './database.ts';

export type SharedBudgetName = 'day' | 'server';

/** What is set; whatever is not listed is up to each host. Null: any amount may be spent. */
export async function readBudgets(db: Sql): Promise<Partial<Record<SharedBudgetName, number | null>>> {
  const rows = await db<{ name: SharedBudgetName; limitUsd: number | null }[]>`
    select name, limit_usd as "limitUsd" from boocode.budgets where is_set`;
  return Object.fromEntries(rows.map(({ name, limitUsd }) => [name, limitUsd]));
}

export async function setBudgets(
  db: Sql,
  limits: readonly { name: SharedBudgetName; limitUsd: number | null }[],
): Promise<void> {
  await db`
    insert into boocode.budgets (name, is_set, limit_usd)
    select name, true, limit_usd
    from json_to_recordset(${JSON.stringify(limits.map(({ name, limitUsd: limit_usd }) => ({ name, limit_usd })))}::text::json)
      as given (name text, limit_usd double precision)
    on conflict (name) do update set is_set = true, limit_usd = excluded.limit_usd`;
}

/** Notes that somebody is being warned about this limit, since when it counts; false if somebody was before. */
export async function noteWarning(
  db: Sql,
  { name, limitUsd, since }: { name: SharedBudgetName; limitUsd: number; since: Date | null },
): Promise<boolean> {
  const rows = await db`
    insert into boocode.budgets as budget (name, warned_usd, warned_for) values (${name}, ${limitUsd}, ${since})
    on conflict (name) do update set warned_usd = excluded.warned_usd, warned_for = excluded.warned_for
      where (budget.warned_usd, budget.warned_for) is distinct from (excluded.warned_usd, excluded.warned_for)
    returning name`;
  return rows.length > 0;
}
