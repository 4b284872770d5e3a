import { expect, test } from 'vitest';
import { StartSettings } from './start-settings.ts';

const initial = { model: 'a', effort: null, permissionMode: 'default', acceptsAgentMessages: false } as const;

test('a setting chosen after a program was started is not in effect, even if chosen while it starts', () => {
  const settings = new StartSettings(initial);
  expect(settings.isStale).toBe(false);
  const { chosen } = settings;
  expect(settings.choose({ model: 'b' })).toBe(true);
  settings.noteStart(chosen);
  expect(settings.isStale).toBe(true);
  settings.noteStart(settings.chosen);
  expect(settings.isStale).toBe(false);
  expect(settings.choose({ model: 'b' })).toBe(false);
  expect(settings.isStale).toBe(false);
});

test('a person’s change in the program is in effect, and does not hide pending ones', () => {
  const settings = new StartSettings(initial);
  settings.noteStart(settings.chosen);
  settings.note({ type: 'current_model_update', model: 'c' });
  expect(settings.chosen.model).toBe('c');
  expect(settings.isStale).toBe(false);
  settings.choose({ effort: 'high' });
  settings.note({ type: 'current_mode_update', permissionMode: 'plan' });
  expect(settings.isStale).toBe(true);
  expect(settings.chosen).toMatchObject({ model: 'c', effort: 'high', permissionMode: 'plan' });
});
