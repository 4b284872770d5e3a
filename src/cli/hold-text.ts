import type { Chat, Event } from '../client/client.ts';
import { plainText } from './plain-text.ts';

/** Why a queue is held, and until when, in lines. */
export function holdText(
  hold: Pick<NonNullable<Chat['hold']>, 'message' | 'resetsAt' | 'resumesAt'>,
  chatId: string,
): string {
  const { message, resetsAt, resumesAt } = hold;
  const reset = resetsAt === null ? '' : ` The limit resets at ${localTime(resetsAt)}.`;
  const next =
    resumesAt === null
      ? `Resume with: boocode resume ${chatId.slice(0, 8)}`
      : `They resume automatically then, or now with: boocode resume ${chatId.slice(0, 8)}`;
  return `The waiting prompts are held. ${plainText(message)}${reset}\n${next}`;
}

/** A prompt that nothing will resume. */
export function isHeldForGood(event: Event): event is Event & { type: 'queue_held' } {
  return event.type === 'queue_held' && event.resumesAt === null;
}

function localTime(iso: string): string {
  return new Date(iso).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}
