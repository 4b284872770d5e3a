-- Environment variables for chats' agents: a person's, or a directory's. Only ciphertexts; the keys are in files of the hosts.
create table secrets (
  id uuid primary key,
  name text not null,
  -- The id of a person, or `owner`. Null for a directory's.
  person_id text,
  -- A real path. Null for a person's.
  directory text,
  -- Names the key, without telling anything of it.
  key_id text not null,
  sealed text not null,
  set_at timestamptz not null default clock_timestamp(),
  -- A name.
  set_by text not null,
  last_used_at timestamptz,
  check ((person_id is null) <> (directory is null))
);
create unique index secrets_of_person on secrets (person_id, name) where person_id is not null;
create unique index secrets_of_directory on secrets (directory, name) where directory is not null;

-- Which chats get which secrets of people. Those of a directory go to the chats in it.
create table chat_secrets (
  chat_id uuid not null references chats (id) on delete cascade,
  name text not null,
  secret_id uuid not null references secrets (id) on delete cascade,
  chosen_at timestamptz not null default clock_timestamp(),
  primary key (chat_id, name)
);
create index chat_secrets_secret on chat_secrets (secret_id);
