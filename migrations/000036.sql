-- People other than the server's owner, who has no row: the server's own token is in the data directory, and always works.
create table people (
  id uuid primary key,
  name text not null,
  role text not null check (role in ('owner', 'member', 'viewer')),
  created_at timestamptz not null default clock_timestamp(),
  -- Who added them: a name.
  created_by text not null,
  removed_at timestamptz
);
create unique index people_name on people (lower(name)) where removed_at is null;

-- Credentials that people or their browsers have; null for the server's owner. Only digests are stored.
create table access_tokens (
  id uuid primary key,
  person_id uuid references people (id),
  -- SHA-256, in hexadecimal.
  digest text not null unique,
  name text not null,
  kind text not null check (kind in ('token', 'browser')),
  -- The most that it allows; less if the person's role is less.
  role text not null check (role in ('owner', 'member', 'viewer')),
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  expires_at timestamptz,
  -- It ends when it was not used for so long.
  idle_days int,
  -- Written at most once a minute.
  last_used_at timestamptz,
  revoked_at timestamptz
);
create index access_tokens_person on access_tokens (person_id);

-- Links through which somebody becomes one of the people, once.
create table invites (
  id uuid primary key,
  digest text not null unique,
  -- Null: whoever uses it chooses one.
  name text,
  role text not null check (role in ('owner', 'member', 'viewer')),
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  -- Null if that was the server's owner.
  created_by_id uuid references people (id),
  expires_at timestamptz not null,
  used_at timestamptz
);
