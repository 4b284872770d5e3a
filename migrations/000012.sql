-- A chat's queue can be held: what failed was not the prompt's own, and would fail the next one too.

-- {reason, message, since, resetsAt, promptId, sendsAgain} while it is held.
alter table chats add column hold json;
-- Whether a queue that a limit holds is resumed by itself when the limit resets.
alter table chats add column resume_at_reset boolean not null default false;

-- How often somebody has set out to begin the prompt's turn: a host that dies each time must not do so for ever.
alter table prompts add column starts integer not null default 0;
