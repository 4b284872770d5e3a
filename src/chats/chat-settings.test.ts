import { expect, test } from 'vitest';
import { chatRow } from '../../test/support/new-chat.ts';
import type { Event } from '../protocol/event.ts';
import { ChatSettings } from './chat-settings.ts';

test('a chat’s row follows its events, its name and its stored changes', () => {
  const first = chatRow({ title: 'Old', model: 'opus' });
  const settings = new ChatSettings(first);
  expect(settings.row).toBe(first);
  settings.noted({ type: 'prompt_accepted', seq: 4, at: '2030-01-02T00:00:00.000Z' } as Event);
  expect(settings.row).toMatchObject({ head: 4, waitingPrompts: 1, title: 'Old' });
  settings.stored({ model: null, effort: undefined, archived: true });
  expect(settings.row).toMatchObject({ head: 4, model: null, effort: first.effort, archived: true });
  settings.name('New');
  expect(settings.row).toMatchObject({ head: 4, title: 'New', archived: true });
  settings.name(null);
  expect(settings.row.title).toBeNull();
});
