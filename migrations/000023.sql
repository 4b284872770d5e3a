-- Since when the host has been handing its chats over, and takes none. Null: it takes chats.
alter table hosts add column draining_since timestamptz;
-- The host to which the chat was moved, until a host takes it.
alter table chats add column next_host uuid references hosts (id);
-- The name of the only host that takes the chat. Null: any host does.
alter table chats add column pinned_host text;
