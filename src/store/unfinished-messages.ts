import type { EventOf } from '../protocol/event.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';
import { inTime } from './in-time.ts';

type BodyOf<T extends 'agent_message' | 'agent_thought'> = Omit<EventOf<T>, 'chatId' | 'seq' | 'at' | 'turnId'>;

/** What has streamed of a message whose end has not: the event that it becomes if the end never comes. */
export type UnfinishedMessage = (BodyOf<'agent_message'> | BodyOf<'agent_thought'>) & { isPartial: true };

/**
 * Replaces what is stored of the turn's unfinished messages; without any, removes it. False if the lease is no longer
 * the chat's: then nothing is written. It takes no lock on the chat, so it delays no append; a statement that a later
 * holder's claim overtakes never replaces what that holder has stored.
 */
export async function storeUnfinished(
  sql: Sql,
  lease: Lease,
  turnId: string,
  messages: readonly UnfinishedMessage[],
): Promise<boolean> {
  const isHolder = sql`from boocode.chats where id = ${lease.chatId} and epoch = ${lease.epoch}`;
  const [row] = await inTime(
    messages.length === 0
      ? sql<{ holds: boolean }[]>`
          with gone as (${deleteUnfinished(sql, lease)})
          select exists (select ${isHolder}) as holds`
      : sql<{ holds: boolean }[]>`
          insert into boocode.unfinished_messages as stored (chat_id, epoch, turn_id, messages)
          select id, epoch, ${turnId}, ${JSON.stringify(messages)}::text::json ${isHolder}
          on conflict (chat_id) do update
            set epoch = excluded.epoch, turn_id = excluded.turn_id, messages = excluded.messages
            where stored.epoch <= excluded.epoch
          returning true as holds`,
  );
  return row?.holds === true;
}

/** Goes with the append of `turn_finished`. */
export function deleteUnfinished(db: Sql, lease: Lease) {
  return db`
    delete from boocode.unfinished_messages where chat_id = ${lease.chatId} and epoch <= ${lease.epoch}
      and exists (select from boocode.chats where id = ${lease.chatId} and epoch = ${lease.epoch})`;
}

/** What is stored of a turn's unfinished messages, without those whose event is in the log. */
export async function findUnfinished(db: Sql, chatId: string, turnId: string): Promise<UnfinishedMessage[]> {
  const [row] = await db<{ messages: string }[]>`
    select messages from boocode.unfinished_messages where chat_id = ${chatId} and turn_id = ${turnId}`;
  if (!row) return [];
  const messages = JSON.parse(row.messages) as UnfinishedMessage[];
  const finished = await db<{ id: string }[]>`
    select payload ->> 'messageId' as id from boocode.events
    where chat_id = ${chatId} and turn_id = ${turnId} and type in ('agent_message', 'agent_thought')`;
  return messages.filter(({ messageId }) => !finished.some(({ id }) => id === messageId));
}
