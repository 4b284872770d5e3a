-- The name of the tool that a decision is about. Null for older decisions.

alter table decisions add column tool_name text;
