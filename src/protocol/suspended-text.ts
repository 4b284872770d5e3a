import type { EventOf } from './event.ts';

/** Part of the error of a turn whose process has ended while it waits for a person. */
export const continuesWhenAnswered = 'The turn continues when the decision is answered.';

/** What to say of a turn whose process has ended while it waits for a person; undefined for any other end. */
export function suspendedText({ openDecisionIds, error }: EventOf<'turn_finished'>): string | undefined {
  if (!openDecisionIds) return undefined;
  return error?.message ?? `The agent’s process was ended. ${continuesWhenAnswered}`;
}
