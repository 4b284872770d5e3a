import type { IncomingKind } from './event.ts';

/** Describes the origin of text that no person wrote; used before a name or alone. */
const words: Readonly<Record<IncomingKind, string>> = {
  teammate: 'An agent of another session wrote',
  sub_agent: 'A sub-agent wrote',
  wake_up: 'The agent scheduled this for itself',
  background_task: 'A background task reports',
  other: 'The program received',
};

/** Shown when the chat's setting changes. */
export const acceptanceWords = (accepts: boolean): string =>
  accepts ? 'Agents of other sessions can start turns here.' : 'Agents of other sessions cannot start turns here.';

/** A kind known only to a newer server is not a person's either. */
export const incomingWords = (kind: string): string => words[kind as IncomingKind] ?? words.other;
