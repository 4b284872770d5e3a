-- What model requests have used, by when it was booked: whatever is added to agent_sessions is added here, in the same
-- statement. Rows outlive their chat, so there is no foreign key.
create table usage_ledger (
  chat_id uuid not null,
  -- The start of a quarter of an hour, because days begin at such times in every time zone.
  bucket timestamptz not null,
  -- The chat's directory at that time; of a chat in a worktree of its own, the one that it was made for.
  cwd text not null,
  -- Empty for dollars that the agent attributes to no model.
  model text not null,
  backend text not null,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  cache_read_input_tokens bigint not null default 0,
  cache_creation_input_tokens bigint not null default 0,
  -- How many of them were counted from a transcript, and have no price yet.
  unpriced_tokens bigint not null default 0,
  cost_usd double precision not null default 0
);

-- A path may be longer than an index can take.
create unique index usage_ledger_key on usage_ledger
  (chat_id, bucket, backend, hashtextextended(model, 0), hashtextextended(cwd, 0));
create index usage_ledger_time on usage_ledger (bucket);
-- Neither column is ever changed, so updates need not touch it.
create index usage_ledger_model on usage_ledger (hashtextextended(model, 0), bucket);

-- What was booked before: each session's totals, distributed over the ends of its turns by what those used. So the sums of
-- a chat and of its models are right. Turns that a fork has copied have no cost, and are left out. No number is larger than
-- what is booked from now on: one that the columns cannot take must not keep a server from starting.
insert into usage_ledger
  (chat_id, bucket, cwd, model, backend, input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens,
    cost_usd)
with numbers as (
  select chat_id, agent, model.key as model, number.key as name,
    least(greatest(number.value::numeric, case number.key when 'costUsd' then -1e12 else 0 end), 1e12)::double precision as total
  from agent_sessions, jsonb_each(model_usage) as model, jsonb_each_text(model.value) as number
),
totals as (
  select * from numbers
  union all
  -- Dollars that belong to no model.
  select chat_id, agent, '', 'costUsd', least(greatest(cost_usd, -1e12), 1e12) - coalesce(named.total, 0)
  from agent_sessions left join (
    select chat_id, agent, sum(total) as total from numbers where name = 'costUsd' group by 1, 2
  ) as named using (chat_id, agent)
),
shares as (
  select chat_id, to_timestamp(floor((extract(epoch from finished_at) / 900)::double precision) * 900) as bucket, name,
    sum(least(amount, 1e12))::double precision as amount
  from turns, lateral (values
    ('inputTokens', (usage ->> 'inputTokens')::numeric),
    ('outputTokens', (usage ->> 'outputTokens')::numeric),
    ('cacheReadInputTokens', (usage ->> 'cacheReadInputTokens')::numeric),
    ('cacheCreationInputTokens', (usage ->> 'cacheCreationInputTokens')::numeric),
    ('costUsd', least(greatest(cost_usd, 0), 1e12)::numeric)
  ) as counted (name, amount)
  where finished_at is not null and cost_usd is not null and amount > 0
  group by 1, 2, 3
),
-- Up to the end of each quarter of an hour, as a part of all. Whole tokens are what is new since the one before.
running as (
  select chat_id, bucket, name, sum(amount) over upwards / sum(amount) over (partition by chat_id, name) as reached,
    coalesce(sum(amount) over (upwards rows between unbounded preceding and 1 preceding), 0)
      / sum(amount) over (partition by chat_id, name) as before
  from shares
  window upwards as (partition by chat_id, name order by bucket)
),
placed as (
  select totals.chat_id, totals.agent, totals.model, totals.name,
    coalesce(
      bucket, to_timestamp(floor((extract(epoch from agent_sessions.updated_at) / 900)::double precision) * 900)
    ) as bucket,
    case when totals.name = 'costUsd' then totals.total * (coalesce(reached, 1) - coalesce(before, 0))
      else round(totals.total * coalesce(reached, 1)) - round(totals.total * coalesce(before, 0)) end as amount
  from totals
    join agent_sessions on agent_sessions.chat_id = totals.chat_id and agent_sessions.agent = totals.agent
    left join running on running.chat_id = totals.chat_id and running.name = totals.name
  where abs(totals.total) > 1e-9
)
select placed.chat_id, bucket,
  coalesce(
    (select place ->> 'directory' from worktrees
      where worktrees.chat_id = chats.id and starts_with(chats.cwd || '/', (place ->> 'path') || '/')),
    chats.cwd),
  placed.model, agent_sessions.backend,
  coalesce(sum(amount) filter (where name = 'inputTokens'), 0),
  coalesce(sum(amount) filter (where name = 'outputTokens'), 0),
  coalesce(sum(amount) filter (where name = 'cacheReadInputTokens'), 0),
  coalesce(sum(amount) filter (where name = 'cacheCreationInputTokens'), 0),
  coalesce(sum(amount) filter (where name = 'costUsd'), 0)
from placed join chats on chats.id = placed.chat_id
  join agent_sessions on agent_sessions.chat_id = placed.chat_id and agent_sessions.agent = placed.agent
where amount <> 0
group by 1, 2, 3, 4, 5;
