-- Links by which anybody reads one chat, by the digests of their secrets. A revoked one has no row.
create table share_links (
  id uuid primary key,
  chat_id uuid not null references chats (id) on delete cascade,
  digest text not null unique,
  -- The last event that is shown; null shows the chat as it goes on.
  until_seq bigint,
  -- A link lasts as long as whoever made it may make one.
  made_by_id text not null,
  made_by_name text not null,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  last_used_at timestamptz
);
create index share_links_chat on share_links (chat_id);
