-- The trusted content of a directory: exactly this content, at this real path. A chat's own `trusted` says that it
-- wants its directory's settings loaded; they are loaded as long as the directory's current content has a row here.

create table directory_trusts (
  path text collate "C" not null,
  -- SHA-256 over the names and contents of all files that count.
  digest text not null,
  -- [{path, sha256, text}], to show later what has changed.
  files json not null,
  trusted_at timestamptz not null default clock_timestamp(),
  primary key (path, digest)
);
