import type { EventOf } from './event.ts';

/** What to say of a turn whose process has ended while it waits for a person; undefined for any other end. */
export function suspendedText({ openDecisionIds, error }: EventOf<'turn_finished'>): string | undefined {
  if (!openDecisionIds) return undefined;
  return error?.message ?? 'The agent’s process was ended. The turn continues when the decision is answered.';
}
