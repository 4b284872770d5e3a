/**
 * Until schema version 8 all tables were where the client's search path led, usually in `public`, among other tables.
 * This moves them to `boocode`, with their contents; a block of SQL, for one simple query.
 *
 * A table stays in the old place that tells an older version that the database is too new for it. Otherwise that
 * version would create its tables again there, and appear empty.
 */
export const moveFromOlderPlace = `
  do $$
  declare
    place text;
    name text;
  begin
    if to_regclass('boocode.migrations') is not null then return; end if;
    select nspname into place from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where pg_class.oid = to_regclass('boocode_migrations');
    if place is null then return; end if;
    if exists (select from boocode_migrations where version = 999999) then return; end if;
    if place <> 'boocode' then
      foreach name in array array['hosts', 'chats', 'events', 'prompts', 'turns', 'decisions', 'agent_sessions',
        'directory_trusts', 'claude_session_entries', 'claude_session_summaries', 'boocode_migrations']
      loop
        execute format('alter table if exists %I.%I set schema boocode', place, name);
      end loop;
    end if;
    alter table boocode.boocode_migrations rename to migrations;
    execute format(
      'create table %I.boocode_migrations (version integer primary key, name text not null,
        applied_at timestamptz not null default now())', place);
    execute format('insert into %I.boocode_migrations values (999999, ''moved to the schema boocode'')', place);
  end $$;`;
