-- What hosts sign requests to one another with. A new key is added once a day; the old ones are kept for a while, because
-- other hosts learn of the new one a moment later. `secret`: 32 random bytes, base64.
create table peer_keys (
  id uuid primary key,
  secret text not null,
  created_at timestamptz not null default clock_timestamp()
);
