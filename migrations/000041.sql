-- Codes of sign-in links, by their digests. They last for minutes.
create table sign_in_codes (
  digest text primary key,
  -- Whom it signs in; null for the server's owner.
  person_id uuid references people (id),
  -- The most that the session allows.
  role text not null check (role in ('owner', 'member', 'viewer')),
  -- The token by which the link was made, and ends; null for the server's own.
  made_by uuid references access_tokens (id) on delete cascade,
  -- The session ends no later.
  not_after timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  used_at timestamptz
);
create index sign_in_codes_expires on sign_in_codes (expires_at);
