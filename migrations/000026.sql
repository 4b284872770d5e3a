-- Tells a chat's log from another one with the same id: every cursor names it. Whoever replaces logs, as a restore does,
-- gives them new ones.
alter table chats add column log_id uuid not null default gen_random_uuid();
