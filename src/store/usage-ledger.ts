/**
 * What model requests have used, by time, chat, directory, model and backend. A row is the sum of what was booked in a
 * quarter of an hour. Every amount enters it in the statement that adds it to the chat's totals (`bookUsage`), so its sums
 * are those totals, and remain when the chat is deleted.
 */
import type { AgentName } from '../protocol/chat.ts';
import type { Usage } from '../protocol/event.ts';
import { counters } from '../protocol/usage.ts';
import { isOfVisible } from './chat-access.ts';
import { cleanText } from './clean-text.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';

export interface UsageShare {
  costUsd: number;
  models: Readonly<Record<string, Usage & { costUsd: number }>>;
  /** By model, how many of the tokens have no price yet. */
  unpriced?: Readonly<Record<string, number>> | undefined;
}

const columns = {
  inputTokens: 'input_tokens',
  outputTokens: 'output_tokens',
  cacheReadInputTokens: 'cache_read_input_tokens',
  cacheCreationInputTokens: 'cache_creation_input_tokens',
} as const satisfies Record<keyof Usage, string>;

const summed = [...Object.values(columns), 'cost_usd'] as const;

/** Dollars that differ by less are the same, added in a different order. */
const dust = 1e-9;
/** More tokens than any turn has: a number that the column cannot take must not keep a turn from ending. */
const maxTokens = 1e12;

const tokenCount = (count: number): number => (count > 0 ? Math.min(Math.round(count), maxTokens) : 0);

type Entry = Record<(typeof columns)[keyof Usage] | 'unpriced_tokens' | 'cost_usd', number> & { model: string };

const nothing: Entry = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
  unpriced_tokens: 0,
  cost_usd: 0,
  model: '',
};

/** One for each model, and one for the dollars of none. */
function entriesOf({ costUsd, models, unpriced = {} }: UsageShare): Entry[] {
  // As in the totals, the last of two names counts that are the same once they are cleaned.
  const named = new Map(Object.entries(models).map(([name, usage]) => [cleanText(name), { name, usage }]));
  const entries = [...named].map(([model, { name, usage }]): Entry => {
    const tokens = Object.fromEntries(counters.map((counter) => [columns[counter], tokenCount(usage[counter])]));
    const without = tokenCount(Object.hasOwn(unpriced, name) ? unpriced[name]! : 0);
    return { ...nothing, ...tokens, unpriced_tokens: without, cost_usd: usage.costUsd, model };
  });
  const rest = entries.reduce((left, { cost_usd: cost }) => left - cost, costUsd);
  if (Math.abs(rest) > dust) {
    const unnamed = entries.find(({ model }) => model === '');
    if (unnamed) unnamed.cost_usd += rest;
    else entries.push({ ...nothing, cost_usd: rest });
  }
  return entries.filter((entry) => summed.some((column) => entry[column] !== 0));
}

const thisQuarter = (db: Sql) => db`
  to_timestamp(floor((extract(epoch from statement_timestamp()) / 900)::double precision) * 900)`;

/** The chat's directory; for a chat in its own worktree the one that this was made for, which will still be there. */
const directory = (db: Sql) => db`
  coalesce(
    (select place ->> 'directory' from boocode.worktrees
      where worktrees.chat_id = chats.id and starts_with(chats.cwd || '/', (place ->> 'path') || '/')),
    chats.cwd)`;

/** Of a chat under its lease, and its agent's session. */
const held = (db: Sql, lease: Lease, agent: AgentName) => db`
  boocode.chats join boocode.agent_sessions on agent_sessions.chat_id = chats.id and agent_sessions.agent = ${agent}`;

function enterShare(db: Sql, lease: Lease, agent: AgentName, entries: readonly Entry[], isLate: boolean) {
  const names = [...summed, 'unpriced_tokens'];
  const sums = summed.map((name) => db`${db(name)} = ledger.${db(name)} + excluded.${db(name)},`);
  return db`
    insert into boocode.usage_ledger as ledger (chat_id, bucket, cwd, backend, model, ${db(names)})
    select chats.id, ${thisQuarter(db)}, ${directory(db)}, agent_sessions.backend, entries.model
      ${names.map((name) => db`, ${db(`entries.${name}`)}`)}
    from ${held(db, lease, agent)}, json_to_recordset(${JSON.stringify(entries)}::text::json) as entries (
      model text, input_tokens bigint, output_tokens bigint, cache_read_input_tokens bigint,
      cache_creation_input_tokens bigint, unpriced_tokens bigint, cost_usd double precision)
    where chats.id = ${lease.chatId} and chats.epoch = ${lease.epoch}
    on conflict (chat_id, bucket, backend, hashtextextended(model, 0), hashtextextended(cwd, 0))
      do update set ${sums} unpriced_tokens =
        case when ${isLate}::boolean and excluded.cost_usd > 0 then 0
          else ledger.unpriced_tokens + excluded.unpriced_tokens end`;
}

/** What the chat used of these models has its price now. In all rows that the entry itself does not change. */
function settlePrices(db: Sql, lease: Lease, agent: AgentName, models: readonly string[]) {
  return db`
    update boocode.usage_ledger set unpriced_tokens = 0 from ${held(db, lease, agent)}
    where usage_ledger.chat_id = ${lease.chatId} and unpriced_tokens > 0 and usage_ledger.model = any(${models as string[]}::text[])
      and chats.id = ${lease.chatId} and chats.epoch = ${lease.epoch}
      and (usage_ledger.bucket, usage_ledger.backend, usage_ledger.cwd)
        is distinct from (${thisQuarter(db)}, agent_sessions.backend, ${directory(db)})`;
}

/**
 * Goes with what adds the share to the session's totals. `isLate`: its dollars were told after the tokens, so what the chat
 * has used of those models is no longer without a price.
 */
export function enterUsage(db: Sql, lease: Lease, agent: AgentName, share: UsageShare, { isLate = false } = {}) {
  const entries = entriesOf(share);
  const priced = isLate ? entries.flatMap(({ model, cost_usd: cost }) => (cost > 0 ? [model] : [])) : [];
  return [
    ...(entries.length > 0 ? [enterShare(db, lease, agent, entries, isLate)] : []),
    ...(priced.length > 0 ? [settlePrices(db, lease, agent, priced)] : []),
  ];
}

export interface UsageRange {
  chatId?: string | undefined;
  /** Inclusive; both are rounded down to a quarter of an hour by what is stored. */
  from?: Date | undefined;
  /** Exclusive. */
  to?: Date | undefined;
  /** Only of chats that this person may see. */
  visibleTo?: string | undefined;
}

export interface UsageSum extends Usage {
  costUsd: number;
  /** How many of the tokens have no price yet. */
  unpricedTokens: number;
}

/** The conditions of a range, each after an `and`. */
export const within = (db: Sql, { chatId, from, to, visibleTo }: UsageRange) => db`
  and ${isOfVisible(db, visibleTo, 'usage_ledger.chat_id')}
  ${chatId === undefined ? db`` : db`and chat_id = ${chatId}`}
  ${from === undefined ? db`` : db`and bucket >= ${from}`}
  ${to === undefined ? db`` : db`and bucket < ${to}`}`;

/** The sums of each column under the name of the field. */
export const usageSums = (db: Sql) => db`
  coalesce(sum(input_tokens), 0)::double precision as "inputTokens",
  coalesce(sum(output_tokens), 0)::double precision as "outputTokens",
  coalesce(sum(cache_read_input_tokens), 0)::double precision as "cacheReadInputTokens",
  coalesce(sum(cache_creation_input_tokens), 0)::double precision as "cacheCreationInputTokens",
  coalesce(sum(unpriced_tokens), 0)::double precision as "unpricedTokens",
  coalesce(sum(cost_usd), 0) as "costUsd"`;

/** Everything that was booked in a range: of one chat, or of all, deleted ones included. */
export async function sumUsage(db: Sql, range: UsageRange = {}): Promise<UsageSum> {
  const [row] = await db<UsageSum[]>`
    select ${usageSums(db)} from boocode.usage_ledger where true ${within(db, range)}`;
  return row!;
}
