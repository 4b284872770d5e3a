-- True while a decision waits for its answer, or the agent for an answer that is stored: it outlives the agent's process.
alter table decisions add column is_open boolean not null default true;
update decisions set is_open = false where outcome is not null;
create index decisions_open on decisions (chat_id) where is_open;
