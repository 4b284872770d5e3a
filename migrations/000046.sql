-- Passkeys: what people's devices sign in with. Only public keys.
create table passkeys (
  id uuid primary key,
  -- Whose it is; null for the server's owner.
  person_id uuid references people (id),
  -- What the device calls the key, and the person; both in base64url.
  credential_id text not null unique,
  user_handle text not null,
  -- The host of the address that it is for: a browser uses it nowhere else.
  rp_id text not null,
  public_key text not null,
  -- How often the device has used it; 0 if it does not count.
  counter bigint not null,
  name text not null,
  -- The most that its sessions allow.
  role text not null check (role in ('owner', 'member', 'viewer')),
  created_at timestamptz not null default clock_timestamp(),
  last_used_at timestamptz
);
create index passkeys_person on passkeys (person_id);

-- What a device is asked to sign, by its digest, once and within minutes.
create table passkey_challenges (
  digest text primary key,
  purpose text not null check (purpose in ('add', 'sign_in')),
  -- Who adds a passkey; null for the server's owner, and for a sign-in.
  person_id uuid references people (id),
  -- What the device will call them.
  user_handle text,
  origin text not null,
  expires_at timestamptz not null
);
create index passkey_challenges_expires on passkey_challenges (expires_at);
