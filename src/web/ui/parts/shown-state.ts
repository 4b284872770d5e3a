import { isParked } from '../../../protocol/is-parked.ts';
import type { Chat, ChatState } from '../../../protocol/chat.ts';

const stateWords: Record<ChatState, string> = {
  cold: 'cold',
  warming: 'warming up',
  ready: 'warm',
  running: 'working',
  waiting: 'waiting for you',
  failed: 'failed',
};

/** A running or ready chat may also be waiting for someone, and a warming one for its turn to start. */
export function shownState({ state, hold, waitsFor }: Chat): { state: ChatState; words: string } {
  const isAsking = waitsFor?.for === 'person' || waitsFor?.for === 'sign_in';
  if (state !== 'waiting' && isAsking) return { state: 'waiting', words: stateWords.waiting };
  if (hold && state !== 'running' && state !== 'waiting')
    return { state: 'waiting', words: isParked(hold) ? 'at its limit' : 'held' };
  const place = state === 'warming' ? waitsFor?.place : undefined;
  return { state, words: place === undefined ? stateWords[state] : `no. ${place} in line` };
}
