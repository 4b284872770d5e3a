-- An index that a search asks before anything else: for every few hundred events, the hashes of the sequences of one, two
-- and three characters in their texts. Without a page that has all those of the query, a chat need not be looked at. The
-- server builds the pages together with the signatures, which tell which events of a page to read.

create table search_pages (
  chat_id uuid not null references chats (id) on delete cascade,
  -- Of the page's last event.
  seq bigint not null,
  -- -32768 if the page has a text that is too long to be indexed: then it is always looked at.
  pieces smallint[] not null,
  primary key (chat_id, seq)
);

create index search_pages_pieces on search_pages using gin (pieces);

-- The seq up to which there are pages. A host of an older version, which makes none, leaves it as it is.
alter table search_progress add column paged bigint not null default 0;

-- The planner takes reading all pages to be cheap, because it does not count that each array is long and stored apart.
-- A restore that was cut off may have left it.
create or replace function search_pages_with(smallint[]) returns setof uuid language sql stable rows 100
  set enable_seqscan = off
  as 'select chat_id from boocode.search_pages where pieces @> $1';
