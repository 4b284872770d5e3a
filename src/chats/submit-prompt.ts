import { randomUUID } from 'node:crypto';
import { BooError } from '../protocol/error.ts';
import type { Actor } from '../protocol/principal.ts';
import { type SubmitPrompt, toBlocks } from '../protocol/prompt.ts';
import { findChat } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { findPrompt, type FoundPrompt, hashContent } from '../store/prompts.ts';
import { isUniqueViolation } from '../store/storage-error.ts';
import type { Chat } from './chat.ts';
import type { SubmittedPrompt } from './chats.ts';
import type { Host } from './host.ts';
import { ask, unknownChat } from './storage.ts';

interface Parts {
  sql: Sql;
  host: Host;
}

/** Stores the prompt once, however often it is sent under its id. Throws `prompt_conflict` if its content differs. */
export async function submitPrompt(
  { sql, host }: Parts,
  actor: Actor,
  chatId: string,
  prompt: SubmitPrompt,
): Promise<SubmittedPrompt> {
  const content = toBlocks(prompt.content);
  const promptId = prompt.id ?? randomUUID();
  const known = async (): Promise<SubmittedPrompt | null> => {
    const found = await ask(() => findPrompt(sql, chatId, promptId));
    if (!found) return null;
    if (found.hash !== hashContent(content)) {
      throw new BooError('prompt_conflict', `Prompt ${promptId} was already sent with different content.`, {
        details: { field: 'id', promptId, seq: found.seq },
      });
    }
    return { receipt: { promptId, chatId, seq: found.seq, ...(await heldIn(sql, chatId, found)) }, created: false };
  };
  if (prompt.id !== undefined) {
    const before = await known();
    if (before) return before;
  }
  try {
    const submit = (chat: Chat): Promise<number> => chat.submit({ id: promptId, content, actor });
    const seq = await host.use(chatId, submit, { needsDirectory: true });
    const held = host.find(chatId)?.view.hold ? { held: true as const } : {};
    return { receipt: { promptId, chatId, seq, ...held }, created: true };
  } catch (error) {
    const before = isUniqueViolation(error, 'prompts') ? await known() : null;
    if (before) return before;
    throw error;
  }
}

async function heldIn(sql: Sql, chatId: string, { state }: FoundPrompt): Promise<{ held?: true }> {
  if (state !== 'waiting') return {};
  const row = await ask(() => findChat(sql, chatId));
  if (!row) throw unknownChat();
  return row.hold ? { held: true } : {};
}
