import type { ChatLog } from '../../state/chat-log.ts';

/** How many files have changed, as of these results: it says nothing about what happened since. */
export interface ChangesCount {
  count: number;
  of: ChatLog['results'];
}
