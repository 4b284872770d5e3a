-- What has streamed so far of the messages a chat's agent is still making, for the chat's next holder should this one be
-- killed: a list of agent_message and agent_thought bodies. Only the running turn's counts; the next write replaces it.
create table unfinished_messages (
  chat_id uuid primary key references chats (id) on delete cascade,
  epoch bigint not null,
  turn_id uuid not null,
  messages json not null
);
