-- What a search reads first: a signature of the text of every event that has one. It has a bit for each sequence of
-- one, two or three adjacent characters in the text, so a search can skip most other events without reading them.
-- The server builds both tables from the log, shortly after the log is written. Events without a signature are searched
-- in the log itself, and the tables can be rebuilt at any time.

create table search_signatures (
  chat_id uuid not null references chats (id) on delete cascade,
  seq bigint not null,
  -- Null if the text is too long for a signature: such an event is always read.
  signature bytea,
  primary key (chat_id, seq)
);

-- The seq up to which a chat's events have been processed. A separate table, because every append updates `chats`.
create table search_progress (
  chat_id uuid primary key references chats (id) on delete cascade,
  seq bigint not null
);
