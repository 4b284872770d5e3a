import type { Continuation } from './chats.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';

/** Stores how often it was started. False if another host has the chat. */
export async function setContinuation(db: Sql, lease: Lease, continuation: Continuation): Promise<boolean> {
  const rows = await db`
    update boocode.chats set continuation = ${JSON.stringify(continuation)}::text::json
    where id = ${lease.chatId} and epoch = ${lease.epoch}
    returning id`;
  return rows.length === 1;
}
