import type { EventOf } from '../protocol/event.ts';
import { doneByActor } from '../protocol/principal.ts';
import { textOf } from '../protocol/text-of.ts';
import { insertPrompt, type NewPrompt } from '../store/prompts.ts';
import type { Write } from '../store/events.ts';
import type { ChatLog } from './chat-log.ts';
import type { ChatSettings } from './chat-settings.ts';
import { titleFrom } from './title.ts';
import { turnStart } from './turn.ts';

interface AcceptanceOptions {
  /** The turn that starts with it; without one the prompt waits. */
  turnId?: string | undefined;
  /** The schedule that it comes from. */
  schedule?: EventOf<'prompt_accepted'>['schedule'];
}

/** Stores a prompt, with the start of its turn if one is given. Returns the seq of its event. */
export async function acceptPrompt(
  log: ChatLog,
  settings: ChatSettings,
  prompt: NewPrompt,
  turnId?: string,
): Promise<number> {
  const stored = await naming(settings, (name) =>
    log.appendIf(() => promptAcceptance(log, prompt, name(prompt), { turnId })),
  );
  return stored![0]!.seq;
}

/** The name that the chat gets with this prompt, if it gets one. */
export type NameAfter = (prompt: NewPrompt) => string | null;

/** An unnamed chat is named after its first prompt, unless that could not be stored. */
export async function naming<T>(settings: ChatSettings, store: (name: NameAfter) => Promise<T>): Promise<T> {
  let isNamed = false;
  const name: NameAfter = ({ content }) => {
    const title = settings.row.title === null ? titleFrom(textOf(content)) : null;
    isNamed ||= title !== null;
    if (title !== null) settings.name(title);
    return title;
  };
  try {
    return await store(name);
  } catch (error) {
    if (isNamed) settings.name(null);
    throw error;
  }
}

/** The write that stores a prompt, and with it the start of its turn if that can start at once. */
export function promptAcceptance(
  log: ChatLog,
  prompt: NewPrompt,
  title: string | null,
  { turnId, schedule }: AcceptanceOptions = {},
): Write {
  // Stored as taken, because one statement cannot change what it inserts.
  const start =
    turnId === undefined
      ? undefined
      : turnStart(log, turnId, { prompt: { id: prompt.id, isWaiting: false, starts: 1 } });
  const by = prompt.actor ? doneByActor(prompt.actor) : { by: 'agent' };
  const { id: promptId, content } = prompt;
  return {
    events: [
      { body: { type: 'prompt_accepted', promptId, content, ...(schedule && { schedule }), ...by } },
      ...(title === null ? [] : [{ body: { type: 'chat_updated' as const, title } }]),
      ...(start?.events ?? []),
    ],
    side: (db) => [insertPrompt(db, log.lease, { ...prompt, turnId }), ...(start?.side?.(db) ?? [])],
    ...(title === null ? {} : { chat: { title } }),
  };
}
