-- What the agent would remember for "always allow", in words: a JSON array of lines. Empty for older decisions.

alter table decisions add column always_scope json not null default '[]';
