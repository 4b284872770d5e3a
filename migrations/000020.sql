-- The call, of the agent itself, that started the sub-agent which asks. Null if the agent itself asks.
alter table decisions add column subagent_call_id text;
