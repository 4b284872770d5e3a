/** Decides which changes of a chat are worth a notification. */
import type { Chat } from '../../protocol/chat.ts';
import type { Event, EventOf } from '../../protocol/event.ts';

/** The text of a notification: `status` goes before the chat's title. */
export interface ChatNotice {
  status: string;
  body: string;
}

export type ChatChange = { type: 'notice'; id: string; notice: ChatNotice } | { type: 'turn_ended' };

const isBusy = ({ state }: Chat): boolean => state === 'running' || state === 'waiting';
const needsPerson = ({ state, waitsFor }: Chat): boolean =>
  // A decision has its own notification.
  state !== 'waiting' && (waitsFor?.for === 'person' || waitsFor?.for === 'sign_in');

/** Undefined if nobody needs to know. After `turn_ended`, read the outcome from the log: the chat does not hold it. */
export function chatChange(before: Chat | undefined, now: Chat): ChatChange | undefined {
  if (!before) return undefined;
  if (now.hold) {
    if (before.hold?.since === now.hold.since) return undefined;
    return { type: 'notice', id: `${now.id} ${now.hold.since}`, notice: { status: 'Held', body: now.hold.message } };
  }
  if (needsPerson(now) && !needsPerson(before)) {
    const { since, what } = now.waitsFor!;
    return { type: 'notice', id: `${now.id} ${since}`, notice: { status: 'Waiting for you', body: what ?? '' } };
  }
  // With more prompts queued, another turn follows: only the last one counts.
  if (!isBusy(before) || isBusy(now) || now.state === 'warming' || now.waiting > 0) return undefined;
  return { type: 'turn_ended' };
}

const outcomes = { completed: 'Done', interrupted: 'Interrupted', failed: 'Failed' } as const;

/** The notice for the last turn that ended in these events; undefined if none did. */
export function turnEndNotice(
  events: readonly Event[],
  { waitsFor }: Chat,
): { turnId: string; notice: ChatNotice } | undefined {
  const end = events.findLast((event): event is EventOf<'turn_finished'> => event.type === 'turn_finished');
  if (!end) return undefined;
  const inBackground = waitsFor?.for === 'background' ? `In the background: ${waitsFor.what ?? ''}` : '';
  // It said that the turn continues, which it does no more.
  const why = end.openDecisionIds ? whyNotContinued(events, end.openDecisionIds) : end.error?.message;
  return { turnId: end.turnId, notice: { status: outcomes[end.outcome], body: why ?? inBackground } };
}

function whyNotContinued(events: readonly Event[], decisionIds: readonly string[]): string | undefined {
  const isItsNotice = (event: Event): event is EventOf<'notice'> =>
    event.type === 'notice' &&
    event.code === 'decision_without_effect' &&
    decisionIds.includes(String(event.data?.['decisionId']));
  return events.findLast(isItsNotice)?.message;
}
