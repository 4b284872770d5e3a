-- Whether agents of other sessions on the machine may start turns in the chat.

alter table chats add column accepts_agent_messages boolean not null default false;
