import { type KeyboardEvent, type PointerEvent, useEffect, useId, useState } from 'react';

export interface Combobox {
  /** The user is typing, so there may be options. */
  isWanted: boolean;
  /** The list is visible. */
  isOpen: boolean;
  setOpen: (isOpen: boolean) => void;
  /** The highlighted option; -1 for none. */
  at: number;
  listId: string;
  /** ARIA attributes of the field. */
  fieldProps: { 'aria-controls': string; 'aria-autocomplete': 'list'; 'aria-activedescendant': string | undefined };
  optionProps(index: number): {
    id: string;
    role: 'option';
    'aria-selected': boolean;
    onPointerDown(event: PointerEvent): void;
  };
  /** Returns true if the list handled the key. */
  onKeyDown(event: KeyboardEvent): boolean;
}

/**
 * A list of options for a text field: arrow keys highlight, Enter or Tab takes, Escape closes. Focus stays in the field.
 */
export function useCombobox<T>(
  items: readonly T[],
  onTake: (item: T) => void,
  { choosesFirst = false }: { choosesFirst?: boolean } = {},
): Combobox {
  const id = useId();
  const [isWanted, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const isOpen = isWanted && items.length > 0;
  useEffect(() => setAt(choosesFirst ? 0 : -1), [items, choosesFirst]);
  useEffect(() => {
    if (isOpen && at >= 0) document.getElementById(`${id}-${at}`)?.scrollIntoView({ block: 'nearest' });
  }, [id, isOpen, at]);

  return {
    isWanted,
    isOpen,
    setOpen,
    at,
    listId: `${id}-list`,
    fieldProps: {
      'aria-controls': `${id}-list`,
      'aria-autocomplete': 'list',
      'aria-activedescendant': isOpen && at >= 0 ? `${id}-${at}` : undefined,
    },
    optionProps: (index) => ({
      id: `${id}-${index}`,
      role: 'option',
      'aria-selected': index === at,
      // Before the field loses focus and the list closes.
      onPointerDown(event) {
        event.preventDefault();
        const item = items[index];
        if (item !== undefined) onTake(item);
      },
    }),
    onKeyDown(event) {
      const chosen = items[at];
      if (isOpen && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
        const step = event.key === 'ArrowDown' ? 1 : -1;
        setAt((now) => Math.max(choosesFirst ? 0 : -1, Math.min(items.length - 1, now + step)));
      } else if (isOpen && chosen !== undefined && (event.key === 'Enter' || event.key === 'Tab') && !event.shiftKey) {
        onTake(chosen);
      } else if (isOpen && event.key === 'Escape') {
        event.stopPropagation();
        setOpen(false);
      } else return false;
      event.preventDefault();
      return true;
    },
  };
}
