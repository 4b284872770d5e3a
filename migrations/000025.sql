-- Files that an agent keeps beside a session's transcripts, such as long outputs: for the chat's next holder, should that
-- be another host. `name` is the agent's own, with '/' between its parts. `content` is compressed with gzip; null if the
-- file was left out because of its size, or to stay within the chat's limit.
create table side_files (
  chat_id uuid not null references chats (id) on delete cascade,
  session_id text collate "C" not null,
  name text collate "C" not null,
  -- Of the file itself, in bytes.
  size bigint not null,
  -- By the database's clock.
  changed_at timestamptz not null,
  content bytea,
  primary key (chat_id, session_id, name)
);
-- It is compressed already.
alter table side_files alter column content set storage external;
