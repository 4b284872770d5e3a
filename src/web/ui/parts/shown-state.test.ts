import { expect, test } from 'vitest';
import type { Chat } from '../../../protocol/chat.ts';
import { shownState } from './shown-state.ts';

test('WEB-80: the list shows the place in line of a chat whose agent may not start yet', () => {
  const waitsFor = { for: 'memory', since: new Date(0).toISOString(), what: 'why', retry: null, place: 3 };
  const chat = { state: 'warming', hold: null, waitsFor } as Chat;
  expect(shownState(chat)).toEqual({ state: 'warming', words: 'no. 3 in line' });
  expect(shownState({ ...chat, waitsFor: null })).toEqual({ state: 'warming', words: 'warming up' });
  expect(shownState({ ...chat, state: 'ready', waitsFor: null })).toEqual({ state: 'ready', words: 'warm' });
});

test('USAGE-20: the list says that a chat is at its usage limit', () => {
  const chat = { state: 'cold', hold: { reason: 'usage_limit', resetsAt: null }, waitsFor: null } as Chat;
  expect(shownState(chat)).toEqual({ state: 'waiting', words: 'held' });
  const hold = { ...chat.hold!, resetsAt: new Date(0).toISOString() };
  expect(shownState({ ...chat, hold })).toEqual({ state: 'waiting', words: 'at its limit' });
});
