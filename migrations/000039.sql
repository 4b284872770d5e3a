-- Whether a chat's agent runs in a sandbox; null leaves it to the server.

alter table chats add column sandbox text check (sandbox in ('off', 'preferred', 'required'));
