import { expect, it } from 'vitest';
import type { Chat } from '../../../protocol/chat.ts';
import { shownState } from './shown-state.ts';

const since = '2026-01-01T00:00:00.000Z';
const shown = (chat: Partial<Chat>): string => shownState({ hold: null, waitsFor: null, ...chat } as Chat).words;

it('WEB-63: a running chat that waits for a person says so, and so does an idle one that is held', () => {
  const hold = { reason: 'agent', message: 'x', since } as Chat['hold'];
  const asks = { for: 'person', since, what: 'A dialog.', retry: null } as const;
  expect(shown({ state: 'running' })).toBe('working');
  expect(shown({ state: 'running', waitsFor: asks })).toBe('waiting for you');
  expect(shown({ state: 'running', waitsFor: { ...asks, for: 'sign_in' } })).toBe('waiting for you');
  expect(shown({ state: 'running', waitsFor: { ...asks, for: 'tool' } })).toBe('working');
  for (const state of ['cold', 'ready', 'failed'] as const) expect(shown({ state, hold })).toBe('held');
  expect(shown({ state: 'running', hold })).toBe('working');
});
