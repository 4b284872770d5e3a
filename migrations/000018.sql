-- What hosts tell each other. `name`: of the machine, for people. `address`: where other hosts reach it; null if it has none.
-- `offers`: {backends}, what it can run. `load`: {memoryBytes, freeMemoryBytes, warmChats}, with each heartbeat.
-- Hosts of earlier versions have no heartbeat.
alter table hosts
  add column name text,
  add column address text,
  add column offers json,
  add column load json,
  add column seen_at timestamptz;
