-- How long a chat's agent is kept warm without work; null leaves it to the server.
alter table chats add column idle_seconds integer;
