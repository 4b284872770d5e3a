-- What a host needs to learn what others do with the chats, without reading all of them.

-- Since when nobody has held the chat; null for one that has been at rest since before this column. Claims and appends
-- leave it alone, so appends remain updates that touch no index.
alter table chats add column free_since timestamptz;
alter table chats alter column free_since set default clock_timestamp();
create index chats_by_free_since on chats (free_since);

-- Chats that were deleted within about an hour.
create table deleted_chats (
  id uuid primary key,
  deleted_at timestamptz not null default clock_timestamp()
);
create index deleted_chats_by_time on deleted_chats (deleted_at);

-- For whether a chat's holder has run a turn, and for deleting chats.
create index turns_by_chat on turns (chat_id, epoch);
