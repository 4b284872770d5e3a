/** Reports of the ledger: for a time, by something. Slow work: there may be a row for every quarter of an hour of each chat. */
import type { UsageGroup } from '../protocol/usage-groups.ts';
import type { UsageTotals } from '../protocol/usage-report.ts';
import type { Sql } from './database.ts';
import { usageSums, within } from './usage-ledger.ts';

export interface UsageLine extends UsageTotals {
  key: string | null;
  title?: string | null;
  /** How many rows it is the sum of. */
  count: number;
  /** It is that of all rows beyond the limit. */
  isOther?: boolean;
}

interface Range {
  from: Date;
  to: Date;
  visibleTo?: string | undefined;
}

const keys = { chat: 'chat_id', cwd: 'cwd', model: 'model' } as const satisfies Record<
  Exclude<UsageGroup, 'day'>,
  string
>;

/** The highest cost first. What is beyond the limit comes last, as one line. */
export function readUsageBy(db: Sql, group: keyof typeof keys, { limit, ...range }: Range & { limit: number }) {
  const sums = [
    'inputTokens',
    'outputTokens',
    'cacheReadInputTokens',
    'cacheCreationInputTokens',
    'unpricedTokens',
    'costUsd',
  ].map((name) => db`, sum(${db(name)}) as ${db(name)}`);
  const title = db`, (
    select coalesce(title, regexp_replace(cwd, '^.*/', '')) from boocode.chats
    where id = lines.key::uuid and importing_session is null) as title`;
  return db<UsageLine[]>`
    with grouped as (
      select ${db(keys[group])}::text as key, ${usageSums(db)} from boocode.usage_ledger where true ${within(db, range)} group by 1
    ),
    ranked as (
      select *, row_number() over (
        order by "costUsd" desc, "outputTokens" desc, "inputTokens" + "cacheReadInputTokens" + "cacheCreationInputTokens" desc, key
      ) as rank
      from grouped
    ),
    lines as (
      select min(rank) as rank, case when rank <= ${limit} then key end as key, rank > ${limit} as "isOther",
        count(*)::integer as count ${sums}
      from ranked group by case when rank <= ${limit} then rank end, 2, 3
    )
    select lines.* ${group === 'chat' ? title : db``} from lines order by lines.rank`;
}

/** `day`: from which of the starts on, the first is 1; 0 is before it. */
export function readUsageByDay(db: Sql, range: Range, starts: readonly Date[]) {
  return db<(UsageTotals & { day: number })[]>`
    select width_bucket(bucket, ${starts.map((start) => start.toISOString())}::text[]::timestamptz[]) as day, ${usageSums(db)}
    from boocode.usage_ledger where true ${within(db, range)} group by 1`;
}
