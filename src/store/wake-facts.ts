/** What is stored about what the agent's next prompt sends again, and what such tokens have cost. */
import type { Usage } from '../protocol/event.ts';
import type { Sql } from './database.ts';

export interface LastRequest {
  seq: number;
  at: Date;
  used: number;
  cacheSeconds: number | null;
}

/** The last usage that the agent has reported of its context, before the event `before`. */
export async function findLastRequest(db: Sql, chatId: string, before: number | null): Promise<LastRequest | null> {
  const [row] = await db<LastRequest[]>`
    select seq, at, (payload ->> 'used')::float8 as used, (payload ->> 'cacheSeconds')::float8 as "cacheSeconds"
    from boocode.events where chat_id = ${chatId} and type = 'usage_update' and seq < coalesce(${before}::bigint, 9e18::bigint)
    order by seq desc limit 1`;
  return row ?? null;
}

/** What has happened since to what the agent remembers, or to which model it asks. Oldest first. */
export type SinceRequest =
  { type: 'rewound'; fromSeq: number | null } | { type: 'forgotten' } | { type: 'model'; model: string | null };

export async function findSinceRequest(db: Sql, chatId: string, seq: number): Promise<SinceRequest[]> {
  const rows = await db<{ type: string; fromSeq: number | null; model: string | null }[]>`
    select type, payload ->> 'model' as model,
      case when type = 'session_rewound' then (
        select min(seq) from boocode.events as started
        where started.chat_id = ${chatId} and started.type = 'turn_started'
          and (started.payload::jsonb -> 'promptIds') ?| array(
            select jsonb_array_elements_text(events.payload::jsonb -> 'promptIds'))
      ) end as "fromSeq"
    from boocode.events
    where chat_id = ${chatId} and seq > ${seq} and (
      type in ('session_rewound', 'current_model_update')
      or (type = 'chat_updated' and payload::jsonb ? 'model')
      or (type = 'notice' and payload ->> 'code' = 'compacted')
      or (type = 'session_started' and payload ->> 'sessionId' <> (
        select before.payload ->> 'sessionId' from boocode.events as before
        where before.chat_id = ${chatId} and before.seq < ${seq} and before.type = 'session_started'
        order by before.seq desc limit 1)))
    order by seq`;
  return rows.map(({ type, fromSeq, model }) => {
    if (type === 'session_rewound') return { type: 'rewound', fromSeq };
    return type === 'chat_updated' || type === 'current_model_update'
      ? { type: 'model', model }
      : { type: 'forgotten' };
  });
}

/** The model that most of the chat's last tokens were for. */
export async function findLastModel(db: Sql, chatId: string): Promise<string | null> {
  const [row] = await db<{ model: string }[]>`
    select model from boocode.usage_ledger where chat_id = ${chatId} and model <> ''
    order by bucket desc, input_tokens + cache_read_input_tokens + cache_creation_input_tokens desc limit 1`;
  return row?.model ?? null;
}

/** What a model's tokens have cost lately, in any chat. */
export function findPricedUsage(db: Sql, model: string): Promise<(Usage & { costUsd: number })[]> {
  return db<(Usage & { costUsd: number })[]>`
    select input_tokens::float8 as "inputTokens", output_tokens::float8 as "outputTokens",
      cache_read_input_tokens::float8 as "cacheReadInputTokens",
      cache_creation_input_tokens::float8 as "cacheCreationInputTokens", cost_usd as "costUsd"
    from boocode.usage_ledger
    where model = ${model} and cost_usd > 0 and unpriced_tokens = 0
      and bucket > statement_timestamp() - interval '90 days'
    order by bucket desc limit 100`;
}
