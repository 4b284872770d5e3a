-- Chats that are put away, and prompts that wait: moved, or cancelled.

alter table chats add column archived boolean not null default false;

-- Where a prompt stands among those that wait, once somebody has moved it or another; until then its seq says so. The
-- places of those that wait are always the seqs of prompts, so one that comes later stands behind them all.
alter table prompts add column place bigint;

-- A prompt that was cancelled has the nil UUID for its turn: it waits no more, not even for a host that knows of no
-- cancelling, and its id stays taken.
