import { useEffect, useRef } from 'react';

export const isMac = (): boolean => /Mac|iPhone|iPad/.test(navigator.userAgent);

export interface Shortcut {
  /** `KeyboardEvent.key` in lower case, always with Ctrl, or ⌘ on a Mac. */
  key: string;
  isShifted?: boolean;
  label: string;
  run(): void;
}

export const shortcuts = {
  search: { key: 'k', label: 'Search chats' },
  create: { key: 'o', isShifted: true, label: 'New chat' },
  inbox: { key: 'i', label: 'Inbox' },
  changes: { key: 'g', isShifted: true, label: 'Changes of the chat' },
} as const satisfies Record<string, Omit<Shortcut, 'run'>>;

/** As displayed: `Ctrl+Shift+O`. */
export function shortcutText({ key, isShifted = false }: Pick<Shortcut, 'key' | 'isShifted'>): string {
  return [isMac() ? '⌘' : 'Ctrl', ...(isShifted ? ['Shift'] : []), key.toUpperCase()].join('+');
}

/** The shortcut of an event. None while a dialog is open, or in the terminal, whose programs use the same keys. */
export function shortcutOf<T extends Pick<Shortcut, 'key' | 'isShifted'>>(
  shortcuts: readonly T[],
  event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>,
  mac: boolean,
): T | undefined {
  const isMeant = mac ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
  if (!isMeant || event.altKey) return undefined;
  return shortcuts.find(
    ({ key, isShifted = false }) => key === event.key.toLowerCase() && isShifted === event.shiftKey,
  );
}

export function useShortcuts(shortcuts: readonly Shortcut[]): void {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      const inTerminal = event.target instanceof Element && event.target.closest('.xterm') !== null;
      if (inTerminal || document.querySelector('dialog[open]') !== null) return;
      const shortcut = shortcutOf(latest.current, event, isMac());
      if (!shortcut) return;
      event.preventDefault();
      shortcut.run();
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, []);
}
