-- Session transcripts: what the SDK's SessionStore keeps. These two tables stand alone, so that the store can be used
-- without the rest of BooCode.

create table claude_session_entries (
  project_key text not null,
  session_id text not null,
  -- '' is the main transcript; a sub-agent's is 'subagents/agent-<id>'.
  subpath text not null default '',
  ordinal bigint generated always as identity,
  -- The entry's own uuid. Entries without one (titles, modes, markers) are appended without a check.
  uuid text,
  entry json not null,
  stored_at timestamptz not null default clock_timestamp(),
  primary key (project_key, session_id, subpath, ordinal)
);

create unique index claude_session_entries_uuid on claude_session_entries (project_key, session_id, subpath, uuid)
  where uuid is not null;

create table claude_session_summaries (
  project_key text not null,
  session_id text not null,
  -- Integer milliseconds of the database's clock at the last append; listSessions reports the same number.
  mtime bigint not null,
  data json not null,
  primary key (project_key, session_id)
);
