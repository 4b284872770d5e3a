import type { HeardWindow, PlanWindow } from '../protocol/plan-usage.ts';
import type { Sql } from './database.ts';

export interface PlanWindowRow extends PlanWindow {
  host: string;
  agent: string;
}

/** What is known of these windows now. */
export function putPlanWindows(db: Sql, of: { host: string; agent: string }, windows: readonly HeardWindow[]) {
  return db`
    insert into boocode.plan_windows (host, agent, name, used, status, resets_at)
    select ${of.host}, ${of.agent}, name, used, status, "resetsAt"
    from jsonb_to_recordset(${JSON.stringify(windows)}::text::jsonb)
      as heard (name text, used double precision, status text, "resetsAt" timestamptz)
    on conflict (host, agent, name) do update
      set used = excluded.used, status = excluded.status, resets_at = excluded.resets_at, seen_at = clock_timestamp()`;
}

/** Those that have not been reset since, the shortest first. What is a month old says nothing any more. */
export async function listPlanWindows(db: Sql): Promise<PlanWindowRow[]> {
  const rows = await db<(Omit<PlanWindowRow, 'resetsAt' | 'seenAt'> & { resetsAt: Date | null; seenAt: Date })[]>`
    select host, agent, name, used, status, resets_at as "resetsAt", seen_at as "seenAt" from boocode.plan_windows
    where coalesce(resets_at, seen_at + interval '1 day') > clock_timestamp() and seen_at > clock_timestamp() - interval '30 days'
    order by host, agent, resets_at, name`;
  return rows.map(({ resetsAt, seenAt, ...row }) => ({
    ...row,
    resetsAt: resetsAt?.toISOString() ?? null,
    seenAt: seenAt.toISOString(),
  }));
}
