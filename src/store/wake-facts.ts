/** What is stored about what the agent's next prompt sends again, and what such tokens have cost. */
import type { EventBody, Usage } from '../protocol/event.ts';
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
  // A notice may have words that Postgres does not read as JSON, so payloads are read here.
  const rows = await db<{ seq: number; type: string; payload: string; fromSeq: number | null }[]>`
    select seq, type, payload::text as payload,
      case when type = 'session_rewound' then (
        select min(seq) from boocode.events as started
        where started.chat_id = ${chatId} and started.type = 'turn_started'
          and (started.payload::jsonb -> 'promptIds') ?| array(
            select jsonb_array_elements_text(events.payload::jsonb -> 'promptIds'))
      ) end as "fromSeq"
    from boocode.events
    where chat_id = ${chatId} and (
      seq > ${seq} and (
        type in ('session_rewound', 'current_model_update', 'chat_updated', 'session_started')
        or (type = 'notice' and position('"compacted"' in payload::text) > 0))
      or seq = (
        select max(before.seq) from boocode.events as before
        where before.chat_id = ${chatId} and before.seq < ${seq} and before.type = 'session_started'))
    order by seq`;
  let session: string | undefined;
  return rows.flatMap(({ seq: at, type, payload, fromSeq }): SinceRequest[] => {
    const event = { ...(JSON.parse(payload) as object), type } as EventBody;
    switch (event.type) {
      case 'session_rewound':
        return [{ type: 'rewound', fromSeq }];
      case 'session_started':
        if (at < seq) session = event.sessionId;
        return session === undefined || event.sessionId === session ? [] : [{ type: 'forgotten' }];
      case 'notice':
        return event.code === 'compacted' ? [{ type: 'forgotten' }] : [];
      case 'chat_updated':
      case 'current_model_update':
        return event.model === undefined ? [] : [{ type: 'model', model: event.model }];
      default:
        return [];
    }
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
    where hashtextextended(model, 0) = hashtextextended(${model}, 0) and model = ${model} and cost_usd > 0 and unpriced_tokens = 0
      and bucket > statement_timestamp() - interval '90 days'
    order by bucket desc limit 100`;
}
