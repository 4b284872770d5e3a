-- What people did: one row per act, which nothing changes or removes.
create table audit_log (
  -- In the order in which rows become visible: whoever writes holds a lock.
  seq bigint generated always as identity primary key,
  -- Made by the host, so that a write which is repeated adds nothing.
  id uuid not null unique,
  -- By the database's clock.
  at timestamptz not null,
  person_id text,
  person_name text,
  person_role text,
  via text,
  source text,
  host text,
  -- The id of the route.
  act text not null,
  -- It outlives the chat.
  chat_id uuid,
  outcome text not null check (outcome in ('done', 'refused', 'failed')),
  code text,
  -- How many acts the row stands for.
  count integer not null default 1,
  details json not null
);
create index audit_log_at on audit_log (at);
create index audit_log_person on audit_log (person_id, seq);
create index audit_log_chat on audit_log (chat_id, seq) where chat_id is not null;
create index audit_log_act on audit_log (act, seq);

create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  raise exception 'The audit log is append-only.' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_log_append_only before update or delete on audit_log
  for each row execute function refuse_audit_change();
create trigger audit_log_never_empty before truncate on audit_log
  for each statement execute function refuse_audit_change();
