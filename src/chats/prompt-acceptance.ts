import { doneByActor } from '../protocol/principal.ts';
import { textOf } from '../protocol/text-of.ts';
import { insertPrompt, type NewPrompt } from '../store/prompts.ts';
import type { Write } from '../store/events.ts';
import type { ChatLog } from './chat-log.ts';
import type { ChatSettings } from './chat-settings.ts';
import { titleFrom } from './title.ts';
import { turnStart } from './turn.ts';

interface AcceptanceOptions {
  /** The name that the chat gets with this prompt, if it gets one. */
  title: string | null;
  /** The turn that starts with it; without one the prompt waits. */
  turnId?: string | undefined;
}

/** Stores a prompt, with the start of its turn if one is given. Returns the seq of its event. */
export async function acceptPrompt(
  log: ChatLog,
  settings: ChatSettings,
  prompt: NewPrompt,
  turnId?: string,
): Promise<number> {
  let isNamed = false;
  const write = log.appendIf(() => {
    // An unnamed chat is named after its first prompt.
    const title = settings.row.title === null ? titleFrom(textOf(prompt.content)) : null;
    isNamed = title !== null;
    if (isNamed) settings.name(title);
    return promptAcceptance(log, prompt, { title, turnId });
  });
  const stored = await write.catch((error: unknown) => {
    if (isNamed) settings.name(null);
    throw error;
  });
  return stored![0]!.seq;
}

/** The write that stores a prompt, and with it the start of its turn if that can start at once. */
function promptAcceptance(log: ChatLog, prompt: NewPrompt, { title, turnId }: AcceptanceOptions): Write {
  // Stored as taken, because one statement cannot change what it inserts.
  const start =
    turnId === undefined
      ? undefined
      : turnStart(log, turnId, { prompt: { id: prompt.id, isWaiting: false, starts: 1 } });
  return {
    events: [
      { body: { type: 'prompt_accepted', promptId: prompt.id, content: prompt.content, ...doneByActor(prompt.actor) } },
      ...(title === null ? [] : [{ body: { type: 'chat_updated' as const, title } }]),
      ...(start?.events ?? []),
    ],
    side: (db) => [insertPrompt(db, log.lease, { ...prompt, turnId }), ...(start?.side?.(db) ?? [])],
    ...(title === null ? {} : { chat: { title } }),
  };
}
