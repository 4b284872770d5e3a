-- Whose chats are, and who else sees them. Everybody with a role saw the chats of before, and still does.
alter table chats
  -- `owner`: of the server itself, who is no row of `people`.
  add column owner_id text not null default 'owner',
  add column owner_name text not null default 'owner',
  add column visibility text not null default 'team' check (visibility in ('private', 'team'));
alter table chats alter column visibility set default 'private';

-- With whom a chat is shared.
create table chat_shares (
  chat_id uuid not null references chats (id) on delete cascade,
  person_id text not null,
  person_name text not null,
  access text not null check (access in ('reader', 'participant')),
  primary key (chat_id, person_id)
);
create index chat_shares_person on chat_shares (person_id);
