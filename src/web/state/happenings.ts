/** What of a chat's change is worth a notification. */
import type { Chat } from '../../protocol/chat.ts';
import type { Event, EventOf } from '../../protocol/event.ts';

export interface Told {
  what: string;
  body: string;
}

export type Change = { is: 'told'; id: string; told: Told } | { is: 'rest' };

const isBusy = ({ state }: Chat): boolean => state === 'running' || state === 'waiting';
const asksOutside = ({ state, waitsFor }: Chat): boolean =>
  // A decision is told of by itself.
  state !== 'waiting' && (waitsFor?.for === 'person' || waitsFor?.for === 'sign_in');

/** Undefined where nobody need look. At rest, the log alone says how the turn has ended. */
export function changeOf(before: Chat | undefined, now: Chat): Change | undefined {
  if (!before) return undefined;
  if (now.hold) {
    if (before.hold?.since === now.hold.since) return undefined;
    return { is: 'told', id: `${now.id} ${now.hold.since}`, told: { what: 'Held', body: now.hold.message } };
  }
  if (asksOutside(now) && !asksOutside(before)) {
    const { since, what } = now.waitsFor!;
    return { is: 'told', id: `${now.id} ${since}`, told: { what: 'Waiting for you', body: what ?? '' } };
  }
  // What waits is taken next, and only the last of it is the end.
  if (!isBusy(before) || isBusy(now) || now.state === 'warming' || now.waiting > 0) return undefined;
  return { is: 'rest' };
}

const outcomes = { completed: 'Done', interrupted: 'Interrupted', failed: 'Failed' } as const;

/** How the last turn of these events has ended; undefined where none of them says so. */
export function endOf(events: readonly Event[], { waitsFor }: Chat): { turnId: string; told: Told } | undefined {
  const end = events.findLast((event): event is EventOf<'turn_finished'> => event.type === 'turn_finished');
  if (!end) return undefined;
  const goesOn = waitsFor?.for === 'background' ? `In the background: ${waitsFor.what ?? ''}` : '';
  return { turnId: end.turnId, told: { what: outcomes[end.outcome], body: end.error?.message ?? goesOn } };
}
