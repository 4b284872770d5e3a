import { type RefObject, useEffect } from 'react';

/**
 * When the element with the focus is taken away, for example the button of a decision that was answered, browsers leave the
 * focus nowhere, and who has no mouse begins anew at the top of the page. Here the next decision gets it, else `rest`.
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
      // The decision itself, not its first button: a key that is pressed twice must not answer two.
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
