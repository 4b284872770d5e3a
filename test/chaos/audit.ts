/**
 * What the database itself notes about writers, apart from the program: who claimed each epoch of a chat, and who wrote
 * each row at which epoch. A row is stale if somebody else had claimed the epoch that was in force when it got in.
 *
 * Writers are told apart by the application name of their connections, which each start of a host has of its own.
 */
import type { Sql } from '../../src/store/database.ts';
import { backendName } from './scripted-agent.mjs';

const byChat = ['events', 'prompts', 'turns', 'decisions', 'agent_sessions', 'unfinished_messages', 'side_files'];

/** Prepares a migrated, empty database for a run. */
export async function prepareDatabase(sql: Sql): Promise<void> {
  // What the migration of a further agent would do.
  for (const table of ['chats', 'agent_sessions']) {
    await sql.unsafe(`
      alter table boocode.${table} drop constraint ${table}_backend_check,
        add constraint ${table}_backend_check check (backend in ('claude_pty', 'claude_sdk', '${backendName}'))`);
  }
  await sql.unsafe(`
    create schema chaos;
    create table chaos.claimed (chat_id uuid, epoch bigint, writer text, at timestamptz default clock_timestamp());
    create index on chaos.claimed (chat_id, epoch);
    create table chaos.written (
      id bigserial primary key, chat_id uuid, epoch bigint, writer text, what text, at timestamptz default clock_timestamp()
    );
    create index on chaos.written (chat_id, epoch);
    create function chaos.note_claim() returns trigger language plpgsql as $$
      begin
        insert into chaos.claimed (chat_id, epoch, writer) values (new.id, new.epoch, current_setting('application_name'));
        return null;
      end $$;
    create trigger chaos_created after insert on boocode.chats for each row execute function chaos.note_claim();
    create trigger chaos_claimed after update on boocode.chats for each row when (old.epoch <> new.epoch)
      execute function chaos.note_claim();
    create function chaos.note_write() returns trigger language plpgsql as $$
      begin
        insert into chaos.written (chat_id, epoch, writer, what)
        select id, epoch, current_setting('application_name'), tg_table_name from boocode.chats where id = new.chat_id;
        return null;
      end $$;
    create function chaos.note_entry() returns trigger language plpgsql as $$
      begin
        insert into chaos.written (chat_id, epoch, writer, what)
        select id, epoch, current_setting('application_name'), tg_table_name from boocode.chats
        where id = (select chat_id from boocode.agent_sessions where session_id::text = new.session_id limit 1);
        return null;
      end $$;`);
  for (const table of byChat) {
    await sql.unsafe(`
      create trigger chaos_written after insert or update on boocode.${table} for each row
        execute function chaos.note_write()`);
  }
  await sql.unsafe(`
    create trigger chaos_written after insert on boocode.claude_session_entries for each row
      execute function chaos.note_entry()`);
}

export interface StaleRows {
  writer: string;
  holder: string;
  what: string;
  count: number;
}

/** Rows that a stale writer got into any table: of one chat since an epoch, or of all. */
export async function findStaleRows(sql: Sql, of?: { chatId: string; sinceEpoch: number }): Promise<StaleRows[]> {
  return sql<StaleRows[]>`
    select written.writer, claimed.writer as holder, what, count(*)::int as count
    from chaos.written join chaos.claimed using (chat_id, epoch)
    where written.writer <> claimed.writer
      ${of ? sql`and chat_id = ${of.chatId} and epoch >= ${of.sinceEpoch}` : sql``}
    group by 1, 2, 3`;
}
