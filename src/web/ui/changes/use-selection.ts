import { type PointerEvent, type RefObject, useRef, useState } from 'react';
import type { Selection, Side } from '../../text/line-selection.ts';

/** The line number at a place of the screen. */
function numberAt(element: Element | null): Omit<Selection, 'head'> | undefined {
  const cell = element?.closest<HTMLElement>('[data-number]');
  const hunk = cell?.closest<HTMLElement>('[data-hunk]')?.dataset['hunk'];
  if (!cell || hunk === undefined) return undefined;
  return { side: cell.dataset['side'] as Side, hunk: Number(hunk), anchor: Number(cell.dataset['number']) };
}

/** Selecting lines by their numbers: one by a click, several by dragging, or by a second click with Shift. */
export function useSelection(place: RefObject<HTMLElement | null>, onChosen: (selection: Selection) => void) {
  const [selection, setSelection] = useState<Selection>();
  const dragged = useRef<Selection>(undefined);
  const change = (next: Selection): void => {
    dragged.current = next;
    setSelection(next);
  };
  const handlers = {
    onPointerDown(event: PointerEvent) {
      const found = event.button === 0 ? numberAt(event.target as Element) : undefined;
      if (!found) return;
      event.preventDefault();
      place.current?.setPointerCapture(event.pointerId);
      const isMore = event.shiftKey && selection?.side === found.side && selection.hunk === found.hunk;
      change(isMore ? { ...selection, head: found.anchor } : { ...found, head: found.anchor });
    },
    onPointerMove(event: PointerEvent) {
      const from = dragged.current;
      if (!from) return;
      const row = document.elementFromPoint(event.clientX, event.clientY)?.closest('.changes-line, .changes-half');
      const cell = row?.querySelector(`[data-side=${from.side}]`);
      const found = numberAt(cell ?? null);
      if (found?.hunk === from.hunk && found.anchor !== from.head) change({ ...from, head: found.anchor });
    },
    onPointerUp() {
      const chosen = dragged.current;
      dragged.current = undefined;
      if (chosen) onChosen(chosen);
    },
    onPointerCancel() {
      dragged.current = undefined;
    },
  };
  return { selection, setSelection, handlers };
}
