-- Prompts for later: a time (at), or the times of a cron pattern in a time zone. Of what an agent has scheduled for itself,
-- agent_key is the program's own name for it, and actor is null.
create table schedules (
  id uuid primary key,
  ordinal bigint generated always as identity unique,
  chat_id uuid not null references chats (id) on delete cascade,
  -- A JSON string: a text cannot hold everything that a prompt may.
  content json not null,
  at timestamptz,
  cron text,
  time_zone text not null,
  missed text not null check (missed in ('run', 'skip')),
  is_paused boolean not null default false,
  -- When it is due; null once it is over.
  next_at timestamptz,
  last_at timestamptz,
  -- The id of its last prompt.
  last_prompt text,
  actor json,
  agent_key text,
  -- How much later than the times of its pattern the agent's program is to be told.
  later_ms integer not null default 0,
  -- The last time at which it may be due.
  until timestamptz,
  -- It is not due again, and is kept because the agent's program may still know it.
  is_over boolean not null default false,
  created_at timestamptz not null default clock_timestamp(),
  check ((at is null) <> (cron is null))
);
create index schedules_due on schedules (next_at) where not is_paused and not is_over;
create index schedules_chat on schedules (chat_id);
create unique index schedules_agent on schedules (chat_id, agent_key) where agent_key is not null;
