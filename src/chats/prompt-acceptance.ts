import { insertPrompt, type PromptRow } from '../store/prompts.ts';
import type { Write } from '../store/events.ts';
import type { ChatLog } from './chat-log.ts';
import { turnStart } from './turn.ts';

export interface AcceptanceOptions {
  /** The name that the chat gets with this prompt, if it gets one. */
  title: string | null;
  /** The turn that begins with it; without one the prompt waits. */
  turnId?: string | undefined;
}

/** The write that stores a prompt, and the start of its turn with it where that turn can begin at once. */
export function promptAcceptance(
  log: ChatLog,
  prompt: Pick<PromptRow, 'id' | 'content'>,
  { title, turnId }: AcceptanceOptions,
): Write {
  // Stored as taken: one statement cannot change what it stores.
  const start = turnId === undefined ? undefined : turnStart(log, turnId, { id: prompt.id, isWaiting: false });
  return {
    events: [
      { body: { type: 'prompt_accepted', promptId: prompt.id, content: prompt.content } },
      ...(title === null ? [] : [{ body: { type: 'chat_updated' as const, title } }]),
      ...(start?.events ?? []),
    ],
    side: (db) => [insertPrompt(db, log.lease, { ...prompt, turnId }), ...(start?.side?.(db) ?? [])],
    ...(title === null ? {} : { chat: { title } }),
  };
}
