-- What "always allow" would have the agent remember, in words, a JSON array of lines. Decisions asked for before have none.

alter table decisions add column always_scope json not null default '[]';
