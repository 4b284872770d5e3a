import { type RefObject, useEffect } from 'react';

/**
 * When the focused element is removed, such as the button of an answered decision, browsers drop focus, and keyboard
 * users start again at the top of the page. This moves it to the next decision, or else to `rest`.
 */
export function useKeptFocus(root: RefObject<HTMLElement | null>, rest: () => HTMLElement | null): void {
  useEffect(() => {
    const element = root.current;
    if (!element) return;
    let held: Element | undefined;
    const onFocus = (event: FocusEvent): void => {
      held = event.target instanceof Element && element.contains(event.target) ? event.target : undefined;
    };
    const onPointer = (event: PointerEvent): void => {
      if (!element.contains(event.target as Node)) held = undefined;
    };
    const observer = new MutationObserver(() => {
      if (!held || held.isConnected) return;
      held = undefined;
      if (document.activeElement !== document.body && document.activeElement !== null) return;
      const next = element.querySelector<HTMLElement>('.decision');
      // Focus the card, not its first button: pressing a key twice must not answer two decisions.
      next?.setAttribute('tabindex', '-1');
      (next ?? rest())?.focus();
    });
    document.addEventListener('focusin', onFocus);
    addEventListener('pointerdown', onPointer);
    observer.observe(element, { childList: true, subtree: true });
    return () => {
      document.removeEventListener('focusin', onFocus);
      removeEventListener('pointerdown', onPointer);
      observer.disconnect();
    };
  }, [root, rest]);
}
