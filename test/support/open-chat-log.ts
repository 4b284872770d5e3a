import { randomUUID } from 'node:crypto';
import { ChatLog, type ChatLogParts } from '../../src/chats/chat-log.ts';
import { ChatSettings } from '../../src/chats/chat-settings.ts';
import { Feed } from '../../src/chats/feed.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { findChat, insertChat } from '../../src/store/chats.ts';
import type { Sql } from '../../src/store/database.ts';
import { insertHost } from '../../src/store/hosts.ts';
import { claimLease } from '../../src/store/leases.ts';
import { newChat } from './new-chat.ts';

/** The log of a new chat that a new host holds, without the host. Nobody follows it, unless a feed is given. */
export async function openChatLog(sql: Sql, parts: Partial<Omit<ChatLogParts, 'lease'>> = {}): Promise<ChatLog> {
  const hostId = randomUUID();
  await insertHost(sql, { id: hostId, machine: 'test', pid: 1, pidStarted: '', version: '0' });
  const { id } = await insertChat(sql, newChat());
  const lease = await claimLease(sql, id, hostId, 600_000);
  return new ChatLog({
    sql,
    lease: lease!,
    feed: new Feed({ read: () => Promise.resolve([]), find: () => Promise.resolve(null) }, { backlogBytes: 1 }),
    clock: systemClock,
    logger: silentLog,
    retry: () => Promise.resolve(false),
    onStored() {},
    onFenced() {},
    ...parts,
  });
}

/** The settings of the log's chat, as they are stored. */
export async function openChatSettings(sql: Sql, { lease }: ChatLog): Promise<ChatSettings> {
  return new ChatSettings((await findChat(sql, lease.chatId))!);
}
