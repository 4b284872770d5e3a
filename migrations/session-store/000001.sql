-- Session transcripts: what the SDK's SessionStore stores. These two tables are self-contained, so that the store can
-- be used without the rest of BooCode. They may already exist, from when they were created together with the server's.
--
-- Keys and uuids can be any JavaScript string, but Postgres accepts no NUL and no lone surrogate, so they are stored as
-- the inside of a JSON string. An ordinary key stays the same; only `"`, `\` and control characters are escaped.
-- They are compared as bytes, which is faster and keeps the indexes valid when a locale's version changes.

create table if not exists claude_session_entries (
  project_key text collate "C" not null,
  session_id text collate "C" not null,
  -- '' is the main transcript; a sub-agent's is 'subagents/agent-<id>'.
  subpath text collate "C" not null default '',
  -- Append order. Assigned under the session's lock, so ordinals are in commit order within a session.
  ordinal bigint generated always as identity,
  -- The entry's own uuid. Entries without one (titles, modes, markers) are appended without a check for duplicates.
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
  -- What the SDK's foldSessionSummary made of the entries: opaque, and never read here.
  data json not null,
  primary key (project_key, session_id)
);
