-- What a chat may spend in US dollars; null for any amount. The second is the limit that it has been warned about.
alter table chats add column budget_usd double precision;
alter table chats add column budget_warned_usd double precision;

-- What all chats may spend: on a day, and ever. A row that nobody has set only remembers the warning; the server's own setting
-- applies then.
create table budgets (
  name text primary key check (name in ('day', 'server')),
  is_set boolean not null default false,
  limit_usd double precision,
  warned_usd double precision,
  -- When the time that the warning was for had begun.
  warned_for timestamptz
);

-- Chats whose budget is spent, to be looked at again when there is another one.
create index chats_over_budget on chats (id) where hold ->> 'reason' = 'budget_spent';
