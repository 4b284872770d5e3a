import { exactLine, type ExactPart, shownText } from '../../../protocol/exact-text.ts';
import type { Chat, ChatState, PermissionMode } from '../../../protocol/chat.ts';

const stateWords: Record<ChatState, string> = {
  cold: 'cold',
  warming: 'warming up',
  ready: 'warm',
  running: 'working',
  waiting: 'waiting for you',
  failed: 'failed',
};

/** A chat that works, or is ready, may wait for somebody all the same. */
export function shownState({ state, hold, waitsFor }: Chat): { state: ChatState; words: string } {
  const isAsking = waitsFor?.for === 'person' || waitsFor?.for === 'sign_in';
  if (state !== 'waiting' && isAsking) return { state: 'waiting', words: stateWords.waiting };
  if (hold && state !== 'running' && state !== 'waiting') return { state: 'waiting', words: 'held' };
  return { state, words: stateWords[state] };
}

export const modeChoices: { value: PermissionMode; label: string; hint: string }[] = [
  { value: 'default', label: 'Ask', hint: 'Asks before it changes or runs anything.' },
  {
    value: 'acceptEdits',
    label: 'Accept edits',
    hint: 'Edits, makes, moves and removes files of the directory without asking; asks before other commands.',
  },
  { value: 'plan', label: 'Plan first', hint: 'Reads and plans; changes nothing until you approve.' },
  { value: 'auto', label: 'Automatic', hint: 'Decides by itself what is safe, and asks about the rest.' },
  { value: 'dontAsk', label: 'Do not ask', hint: 'What is not allowed already is denied without asking.' },
  { value: 'bypassPermissions', label: 'Allow everything', hint: 'Never asks. Only where nothing can be broken.' },
];

export function costText(costUsd: number): string {
  if (costUsd === 0) return '$0';
  return costUsd < 0.01 ? `$${costUsd.toFixed(4)}` : `$${costUsd.toFixed(2)}`;
}

export function countText(count: number): string {
  if (count < 10_000) return count.toLocaleString('en-US');
  return count < 1_000_000 ? `${Math.round(count / 1000)}k` : `${(count / 1_000_000).toFixed(1)}M`;
}

export function durationText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Of a time, as people say it: today by the clock, before by the day. */
export function whenText(at: string, now: Date = new Date()): string {
  const time = new Date(at);
  if (time.toDateString() === now.toDateString()) {
    return time.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
  }
  const isThisYear = time.getFullYear() === now.getFullYear();
  return time.toLocaleDateString(undefined, {
    day: 'numeric',
    month: 'short',
    ...(isThisYear ? {} : { year: 'numeric' }),
  });
}

/** The last part of a path. */
export const lastPart = (path: string): string => path.split('/').filter(Boolean).at(-1) ?? path;

/** The last two parts of a path; the whole of it stands in the title. */
export function shortPath(path: string): string {
  const parts = path.split('/').filter(Boolean);
  return parts.length <= 2 ? path : `…/${parts.slice(-2).join('/')}`;
}

/** Of a decision, on one line. `Edit: Edit /a/file` says the tool's name twice. */
export const titleParts = (title: string, maxLength: number): ExactPart[] =>
  exactLine(title.replace(/^(\w+): \1 /, '$1: '), maxLength);

export const decisionTitle = (title: string, maxLength: number): string => shownText(titleParts(title, maxLength));
