import { expect, test } from 'vitest';
import { shortcutOf } from './shortcuts.ts';

const all = [{ key: 'k' }, { key: 'o', isShifted: true }];
const press = (key: string, held: Partial<Record<'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey', boolean>>) => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...held,
});

test('a shortcut needs exactly its own keys, and the key that this system commands with', () => {
  expect(shortcutOf(all, press('k', { ctrlKey: true }), false)).toBe(all[0]);
  expect(shortcutOf(all, press('k', { metaKey: true }), true)).toBe(all[0]);
  expect(shortcutOf(all, press('O', { ctrlKey: true, shiftKey: true }), false)).toBe(all[1]);
  expect(shortcutOf(all, press('k', {}), false)).toBeUndefined();
  expect(shortcutOf(all, press('k', { metaKey: true }), false)).toBeUndefined();
  expect(shortcutOf(all, press('k', { ctrlKey: true }), true)).toBeUndefined();
  expect(shortcutOf(all, press('k', { ctrlKey: true, shiftKey: true }), false)).toBeUndefined();
  expect(shortcutOf(all, press('o', { ctrlKey: true }), false)).toBeUndefined();
});

test('AltGr, which some systems tell as Ctrl and Alt, writes a character and asks for nothing', () => {
  expect(shortcutOf(all, press('k', { ctrlKey: true, altKey: true }), false)).toBeUndefined();
});
