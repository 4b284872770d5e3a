import type { IncomingKind } from './event.ts';

/** Says of words that no person wrote where they come from; in front of a name or alone. */
const words: Readonly<Record<IncomingKind, string>> = {
  teammate: 'The agent of another session wrote',
  sub_agent: 'A sub-agent wrote',
  wake_up: 'The agent left this for itself',
  background_task: 'A task in the background reports',
  other: 'The program was told',
};

/** Said where the chat's setting changes. */
export const acceptanceWords = (accepts: boolean): string =>
  accepts ? 'Agents of other sessions may begin turns here.' : 'Agents of other sessions may begin no turns here.';

/** A kind that a newer server may know is no person's either. */
export const incomingWords = (kind: string): string => words[kind as IncomingKind] ?? words.other;
