/**
 * Forced races between a writer whose lease has ended and its successor: in the middle of a turn the lease ends in the
 * database, another host takes the chat, and whatever the first one still writes must change nothing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Sql } from '../../src/store/database.ts';
import { findStaleRows } from './audit.ts';
import type { ChaosHost } from './chaos-host.ts';
import type { ChatClient } from './chat-client.ts';
import type { Records } from './records.ts';

interface Held {
  epoch: number;
  writer: string;
}

/** True if another host took the chat while the first one was writing; false if the race did not come about. */
export async function raceOnce(
  parts: {
    sql: Sql;
    records: Records;
    client: ChatClient;
    signal: AbortSignal;
    /** Another host than the one of this name. */
    readonly pickOther: (than: string) => ChaosHost;
  },
  race: number,
): Promise<boolean> {
  const { sql, records, client, signal, pickOther } = parts;
  const { chatId } = client;
  if (!(await client.send({ task: 'write 80' }))) return false;
  const held = await soon(signal, 15_000, async () => {
    const [row] = await sql<Held[]>`
      select chats.epoch, writer from boocode.chats join chaos.claimed on chat_id = id and claimed.epoch = chats.epoch
      where id = ${chatId} and exists (select from boocode.turns where chat_id = ${chatId} and outcome is null)`;
    return row;
  });
  if (!held) {
    // Its turn was over too soon, or the queue is held.
    await client.untilQuiet(60_000);
    return false;
  }
  const expire = () => sql`
    update boocode.chats set lease_until = clock_timestamp() - interval '1 second'
    where id = ${chatId} and epoch = ${held.epoch}`;
  await soon(signal, 15_000, expire);
  let isSent = false;
  const other = (): ChaosHost => pickOther(held.writer.split('.')[0] ?? '');
  const sending = client.send({ task: 'write 5', through: other }).then(() => (isSent = true));
  const next = await soon(signal, 30_000, async () => {
    // The first host took that prompt too, and nothing is left to do: nobody has a reason to take the chat.
    if (isSent && client.isQuiet) return null;
    // The first host may have renewed it meanwhile.
    await expire();
    const [row] = await sql<Held[]>`
      select epoch, writer from chaos.claimed where chat_id = ${chatId} and epoch > ${held.epoch} order by epoch limit 1`;
    return row;
  });
  await sending;
  await client.untilQuiet(60_000);
  if (!next || next.writer === held.writer) return false;
  const stale = await soon(signal, 60_000, async () => findStaleRows(sql, { chatId, sinceEpoch: next.epoch }));
  if (!stale) return false;
  const written = stale.reduce((sum, { count }) => sum + count, 0);
  records.write({ kind: 'stale', race, written, chatId, from: held.writer, to: next.writer, rows: stale });
  return true;
}

/** The first answer; undefined if there is none by then. The database may be away in between. */
async function soon<T>(
  signal: AbortSignal,
  limitMs: number,
  ask: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline && !signal.aborted) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      // The database is away, unless the question itself is wrong.
      if ((error as { code?: string }).code?.startsWith('42')) throw error;
      await delay(200);
    }
    await delay(10);
  }
  return undefined;
}
