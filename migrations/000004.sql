-- Archiving chats, and moving or cancelling waiting prompts.

alter table chats add column archived boolean not null default false;

-- A prompt's position among the waiting ones, once it or another one has been moved; until then that is its seq. The
-- positions of waiting prompts are always seqs of prompts, so a later prompt comes after all of them.
alter table prompts add column place bigint;

-- A cancelled prompt has the nil UUID as its turn: it no longer waits, not even for an older host that cannot cancel
-- prompts, and its id stays taken.
