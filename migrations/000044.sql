-- Who signs in by an identity provider: its name for them, which never changes, and who that is here.
create table identities (
  issuer text not null,
  subject text not null,
  person_id uuid not null references people (id),
  created_at timestamptz not null default clock_timestamp(),
  primary key (issuer, subject)
);
