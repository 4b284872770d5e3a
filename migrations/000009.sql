-- The tool that a decision is about, by its own name. Decisions asked for before have none.

alter table decisions add column tool_name text;
