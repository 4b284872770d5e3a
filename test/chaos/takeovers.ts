/** How long chats with work left are without a host after theirs was killed or frozen. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Sql } from '../../src/store/database.ts';
import type { Records } from './records.ts';

export interface TakeoverParts {
  sql: Sql;
  records: Records;
  /** For what says nothing about takeovers alone. */
  notes: Records;
  /** Whether a chat could be taken all the time since then: the database was there, and another host undisturbed. */
  readonly wasPossibleSince: (atMs: number, except: string) => boolean;
}

const pollMs = 200;
const limitMs = 120_000;

interface Left {
  id: string;
  epoch: number;
}

/** Waits for each such chat's next claim. Those that could not be taken at once because of another fault count apart. */
export async function watchTakeovers(
  parts: TakeoverParts,
  struck: { host: string; hostId: string; atMs: number },
): Promise<void> {
  const { sql, records, notes } = parts;
  const deadline = performance.now() + limitMs;
  const again = async <T>(query: () => Promise<T>): Promise<T | undefined> => {
    while (performance.now() < deadline) {
      try {
        return await query();
      } catch (error) {
        // The database is away, unless the question itself is wrong.
        if ((error as { code?: string }).code?.startsWith('42')) throw error;
        await delay(pollMs);
      }
    }
    return undefined;
  };
  // A chat whose prompts wait for an answer, or are held, has no work that another host would begin.
  let left: Left[] =
    (await again(
      () => sql<Left[]>`
        select id, epoch from boocode.chats where owner_host = ${struck.hostId} and hold is null
          and (exists (select from boocode.turns where chat_id = chats.id and outcome is null)
            or exists (select from boocode.prompts where chat_id = chats.id and turn_id is null))`,
    )) ?? [];
  while (left.length > 0 && performance.now() < deadline) {
    await delay(pollMs);
    const waiting = left;
    const claims = await again(
      () => sql<{ chat_id: string; epoch: number; writer: string; at_ms: number }[]>`
        select chat_id, epoch, writer, (extract(epoch from at) * 1000)::float8 as at_ms from chaos.claimed
        where (chat_id, epoch) in (
          select id, epoch + 1 from unnest(${waiting.map(({ id }) => id)}::uuid[], ${waiting.map((chat) => String(chat.epoch))}::bigint[]) as chat (id, epoch))`,
    );
    for (const claim of claims ?? []) {
      left = left.filter(({ id }) => id !== claim.chat_id);
      const [to] = claim.writer.split('.');
      const tookMs = Math.round(claim.at_ms - struck.atMs);
      const wasPossible = parts.wasPossibleSince(struck.atMs, struck.host);
      const takeover = { kind: 'takeover', chatId: claim.chat_id, from: struck.host, to, tookMs: Math.max(tookMs, 0) };
      (wasPossible ? records : notes).write(takeover);
    }
  }
  for (const { id } of left) notes.write({ kind: 'no_takeover', chatId: id, from: struck.host });
}
