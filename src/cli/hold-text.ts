import type { Chat, Event } from '../client/client.ts';
import { isParked } from '../protocol/is-parked.ts';
import { plainText } from './plain-text.ts';

/** Why a queue is held, and until when, in lines: as it is at that time. */
export function holdText(
  hold: Pick<NonNullable<Chat['hold']>, 'reason' | 'message' | 'resetsAt' | 'resumesAt' | 'continues' | 'budget'>,
  chatId: string,
  nowMs = Date.now(),
): string {
  const { reason, message, resetsAt, resumesAt, continues, budget } = hold;
  const id = chatId.slice(0, 8);
  if (budget) {
    const which = budget.of === 'chat' ? `--chat ${id}` : `--${budget.of}`;
    const anew = resetsAt === null ? '' : ` It begins anew at ${localTime(resetsAt)}.`;
    const raise = `Raise it with: boocode budget set <dollars> ${which}, and they go on.`;
    return `The waiting prompts are held. ${plainText(message)}${anew}\n${raise}`;
  }
  const parked = isParked({ reason, resetsAt });
  const isOver = parked && hasReset(resetsAt, nowMs);
  const whatParked = isOver ? 'The chat is parked until it is resumed.' : 'The chat is parked, and prompts wait.';
  const what = parked ? whatParked : 'The waiting prompts are held.';
  const reset = resetsAt === null ? '' : ` The limit ${isOver ? 'has reset' : 'resets'} at ${localTime(resetsAt)}.`;
  const then = continues ? 'The stopped turn continues' : 'They resume';
  const next =
    resumesAt !== null
      ? `${then} automatically${isOver ? '' : ' then'}, or now with: boocode resume ${id}`
      : `Resume with: boocode resume ${id}${parked && !isOver ? ` (with --at-reset: by itself at the reset)` : ''}`;
  return `${what} ${plainText(message)}${reset}\n${next}`;
}

/** A prompt that nothing will resume. */
export function isHeldForGood(event: Event): event is Event & { type: 'queue_held' } {
  return event.type === 'queue_held' && event.resumesAt === null;
}

/** For a list. */
export function shortHold({ reason, resetsAt }: Pick<NonNullable<Chat['hold']>, 'reason' | 'resetsAt'>): string {
  if (resetsAt === null || !isParked({ reason, resetsAt })) return 'held';
  return hasReset(resetsAt) ? 'parked, limit has reset' : `limit until ${localTime(resetsAt)}`;
}

/** What is to happen then may not have happened yet, and without the opt-in nothing does. */
export function hasReset(resetsAt: string | null, nowMs = Date.now()): boolean {
  return resetsAt !== null && Date.parse(resetsAt) <= nowMs;
}

export function localTime(iso: string): string {
  return new Date(iso).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}
