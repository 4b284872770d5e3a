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

test('a shortcut requires exactly its own keys, with Ctrl or, on a Mac, ⌘', () => {
  expect(shortcutOf(all, press('k', { ctrlKey: true }), false)).toBe(all[0]);
  expect(shortcutOf(all, press('k', { metaKey: true }), true)).toBe(all[0]);
  expect(shortcutOf(all, press('O', { ctrlKey: true, shiftKey: true }), false)).toBe(all[1]);
  expect(shortcutOf(all, press('k', {}), false)).toBeUndefined();
  expect(shortcutOf(all, press('k', { metaKey: true }), false)).toBeUndefined();
  expect(shortcutOf(all, press('k', { ctrlKey: true }), true)).toBeUndefined();
  expect(shortcutOf(all, press('k', { ctrlKey: true, shiftKey: true }), false)).toBeUndefined();
  expect(shortcutOf(all, press('o', { ctrlKey: true }), false)).toBeUndefined();
});

test('ignores AltGr, which some systems report as Ctrl and Alt', () => {
  expect(shortcutOf(all, press('k', { ctrlKey: true, altKey: true }), false)).toBeUndefined();
});
