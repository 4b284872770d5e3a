-- What a chat's agent reaches in a sandbox; null leaves it to the server.

alter table chats add column sandbox_network text check (sandbox_network in ('open', 'limited', 'off'));
