-- How much of an account's plan is used, as an agent of each host has heard last. Hosts may be signed in to different accounts.
create table plan_windows (
  host text not null,
  agent text not null,
  -- As the provider calls it, such as five_hour.
  name text not null,
  used double precision,
  status text not null check (status in ('ok', 'near', 'reached')),
  resets_at timestamptz,
  seen_at timestamptz not null default clock_timestamp(),
  primary key (host, agent, name)
);
