-- Session transcripts: what the SDK's SessionStore keeps. These two tables stand alone, so that the store can be used
-- without the rest of BooCode; they may be here already, from when they were made together with the server's.
--
-- Keys and uuids are any string of JavaScript's, and Postgres takes no NUL and no lone surrogate: they are written as
-- the inside of a JSON string. An ordinary key looks the same; only `"`, `\` and control characters are escaped.
-- They are compared as bytes: it is faster, and a new locale version cannot break the indexes.

create table if not exists claude_session_entries (
  project_key text collate "C" not null,
  session_id text collate "C" not null,
  -- '' is the main transcript; a sub-agent's is 'subagents/agent-<id>'.
  subpath text collate "C" not null default '',
  -- Append order. Numbers are given under the session's lock, so they are in commit order within a session.
  ordinal bigint generated always as identity,
  -- The entry's own uuid. Entries without one (titles, modes, markers) are appended without a check.
  uuid text collate "C",
  entry json not null,
  stored_at timestamptz not null default clock_timestamp(),
  primary key (project_key, session_id, subpath, ordinal)
);

create unique index if not exists claude_session_entries_uuid on claude_session_entries (project_key, session_id, subpath, uuid)
  where uuid is not null;

-- One row per main transcript.
create table if not exists claude_session_summaries (
  project_key text collate "C" not null,
  session_id text collate "C" not null,
  -- Integer milliseconds of the database's clock at the last append; listSessions reports the same number.
  mtime bigint not null,
  -- What the SDK's foldSessionSummary made of the entries; theirs, never read here.
  data json not null,
  primary key (project_key, session_id)
);
