-- Hosts look every few seconds for work that nobody does: its signs are found without reading every chat.
create index chats_to_continue on chats (id) where continuation is not null;
create index chats_to_resume on chats (id) where hold is not null and resume_at_reset;
