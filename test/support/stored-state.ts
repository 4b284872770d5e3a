import type { Sql } from '../../src/store/database.ts';

// Not the transcripts: agents write them in their own time, and a deletion of a chat shows in its row.
const tables = ['events', 'prompts', 'turns', 'decisions', 'agent_sessions', 'usage_ledger'];

/** Everything a request could have changed: every chat's row, and the row count of every other table. */
export async function readStoredState(sql: Sql): Promise<unknown> {
  // Not the lease: it is renewed every few seconds regardless of requests.
  const chats = await sql`
    select id, title, cwd, agent, backend, model, permission_mode, trusted, accepts_agent_messages, next_seq, epoch, owner_host, updated_at
    from boocode.chats order by ordinal`;
  const counts = await Promise.all(
    tables.map(async (table) => [table, (await sql`select count(*) as rows from ${sql(table)}`)[0]?.['rows']]),
  );
  return { chats: [...chats], counts };
}
