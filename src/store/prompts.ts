import { createHash } from 'node:crypto';
import type { ContentBlock } from '../protocol/content.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';

export interface PromptRow {
  id: string;
  seq: number;
  content: ContentBlock[];
}

/** The hash by which the same prompt is known again. */
export function hashContent(content: readonly ContentBlock[]): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

/**
 * Goes with the append of its `prompt_accepted` event. A second prompt of the same id is a unique violation. With a turn
 * it is that turn's from the start; else it waits for one.
 */
export function insertPrompt(
  db: Sql,
  lease: Lease,
  prompt: { id: string; content: readonly ContentBlock[]; turnId?: string | undefined },
) {
  return db`
    insert into prompts (chat_id, id, seq, content, content_hash, turn_id)
    values (${lease.chatId}, ${prompt.id}, ${lease.nextSeq}, ${JSON.stringify(prompt.content)}::text::json,
      ${hashContent(prompt.content)}, ${prompt.turnId ?? null})`;
}

export async function findPrompt(db: Sql, chatId: string, id: string): Promise<{ seq: number; hash: string } | null> {
  const [row] = await db<{ seq: number; hash: string }[]>`
    select seq, content_hash as hash from prompts where chat_id = ${chatId} and id = ${id}`;
  return row ?? null;
}

/** The prompt whose turn it is, or null when none waits. */
export async function nextPrompt(db: Sql, chatId: string): Promise<PromptRow | null> {
  const [row] = await db<{ id: string; seq: number; content: string }[]>`
    select id, seq, content from prompts where chat_id = ${chatId} and turn_id is null order by seq limit 1`;
  return row ? { id: row.id, seq: row.seq, content: JSON.parse(row.content) as ContentBlock[] } : null;
}
