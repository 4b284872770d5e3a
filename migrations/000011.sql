-- What a search looks at first: of every event in which somebody says something, a signature of its text. It holds a bit for
-- each one, two and three characters that stand next to each other there, so that most events without a text are passed over
-- without being read. Both tables are made from the log by the server, a little later than it; what is missing here is
-- searched in the log itself, and losing them loses nothing.

create table search_signatures (
  chat_id uuid not null references chats (id) on delete cascade,
  seq bigint not null,
  -- Null where the text is too long for one: such an event is always read.
  signature bytea,
  primary key (chat_id, seq)
);

-- Up to which seq a chat's events have theirs. A table of its own: the rows of `chats` are written at every append.
create table search_progress (
  chat_id uuid primary key references chats (id) on delete cascade,
  seq bigint not null
);
