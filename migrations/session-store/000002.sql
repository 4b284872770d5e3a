-- A summary is brought up to date when somebody asks for it, not with every append. It says which entries of the main
-- transcript it was folded from: the first and the last one's ordinals. It means something only as long as that first
-- entry is there; deleting a session takes its beginning.

alter table claude_session_summaries
  add column first_ordinal bigint not null default 0,
  add column last_ordinal bigint not null default 0;

update claude_session_summaries as summary
set first_ordinal = stored.first_ordinal, last_ordinal = stored.last_ordinal
from (
  select project_key, session_id, min(ordinal) as first_ordinal, max(ordinal) as last_ordinal
  from claude_session_entries where subpath = ''
  group by project_key, session_id
) as stored
where stored.project_key = summary.project_key and stored.session_id = summary.session_id;
