-- Holding a chat's queue after a failure that the prompt did not cause and that would fail the next prompt too.

-- {reason, message, since, resetsAt, promptId, sendsAgain} while the queue is held.
alter table chats add column hold json;
-- Whether a queue held because of a limit resumes by itself when the limit resets.
alter table chats add column resume_at_reset boolean not null default false;

-- The number of attempts to start the prompt's turn, so that a prompt that crashes its host is not retried forever.
alter table prompts add column starts integer not null default 0;
