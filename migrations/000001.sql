-- The first schema. Forward only: a later change is a new file with the next number.
--
-- Two rules shape it. Every write is fenced by its own statement: a write to a chat's log, its session entries or its
-- usage checks the chat's epoch inside the statement. And what agents and people say is stored as `json`, never as
-- `jsonb`: jsonb refuses NUL and lone surrogates, which tool output does contain.

create table hosts (
  id uuid primary key,
  -- Identify the process, so that the next host on the same machine can tell a dead host from a silent one.
  machine text not null,
  pid integer not null,
  pid_started text not null,
  version text not null,
  started_at timestamptz not null default now(),
  stopped_at timestamptz
);

create table chats (
  id uuid primary key,
  -- Null until someone names the chat, or its first prompt does.
  title text,
  cwd text not null,
  agent text not null default 'claude',
  backend text not null check (backend in ('claude_pty', 'claude_sdk')),
  model text,
  permission_mode text not null default 'default',
  trusted boolean not null default false,
  -- The seq of the next event. Events are numbered without gaps, so the newest has next_seq - 1.
  next_seq bigint not null default 1,
  -- The fencing number, incremented with every claim of the lease.
  epoch bigint not null default 0,
  owner_host uuid references hosts (id),
  lease_until timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  -- Creation order without ties, for cursors.
  ordinal bigint generated always as identity unique
);

create index chats_by_owner on chats (owner_host) where owner_host is not null;

create table events (
  chat_id uuid not null references chats (id) on delete cascade,
  seq bigint not null,
  at timestamptz not null default clock_timestamp(),
  turn_id uuid,
  type text not null,
  payload json not null,
  primary key (chat_id, seq)
);

create table prompts (
  chat_id uuid not null references chats (id) on delete cascade,
  id text not null,
  -- The seq of its prompt_accepted event: prompts run in this order.
  seq bigint not null,
  content json not null,
  -- SHA-256 of the content: the same id with different content is a conflict.
  content_hash text not null,
  -- Null while the prompt waits.
  turn_id uuid,
  accepted_at timestamptz not null default now(),
  primary key (chat_id, id)
);

create index prompts_waiting on prompts (chat_id, seq) where turn_id is null;

create table turns (
  id uuid primary key,
  chat_id uuid not null references chats (id) on delete cascade,
  epoch bigint not null,
  outcome text check (outcome in ('completed', 'interrupted', 'failed')),
  error json,
  usage json,
  cost_usd double precision,
  started_at timestamptz not null default now(),
  finished_at timestamptz
);

-- The database enforces that a chat runs one turn at a time.
create unique index turns_running on turns (chat_id) where outcome is null;

create table decisions (
  id uuid primary key,
  chat_id uuid not null references chats (id) on delete cascade,
  turn_id uuid references turns (id) on delete cascade,
  kind text not null check (kind in ('permission', 'question', 'plan')),
  title text not null,
  input json not null,
  tool_call_id text,
  can_allow_always boolean not null default false,
  requested_at timestamptz not null default clock_timestamp(),
  resolved_at timestamptz,
  outcome text check (outcome in ('allow', 'allow_always', 'deny', 'cancelled')),
  -- The answer as given: the edited input, the message.
  answer json,
  resolved_by text,
  ordinal bigint generated always as identity unique,
  check ((outcome is null) = (resolved_at is null))
);

create index decisions_pending on decisions (ordinal) where outcome is null;
create index decisions_by_chat on decisions (chat_id);

create table agent_sessions (
  chat_id uuid not null references chats (id) on delete cascade,
  agent text not null,
  backend text not null check (backend in ('claude_pty', 'claude_sdk')),
  session_id uuid not null,
  model text,
  -- {model: {inputTokens, outputTokens, cacheReadInputTokens, cacheCreationInputTokens, costUsd}}, summed over all turns.
  model_usage jsonb not null default '{}',
  cost_usd double precision not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (chat_id, agent)
);
