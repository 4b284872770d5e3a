import { type CSSProperties, type RefObject, useEffect, useState } from 'react';

const marginPx = 8;

/**
 * Positions a list below its field, or above if there is more room. It is fixed to the window, so that no scrolling
 * parent clips it and nothing moves when it closes.
 */
export function usePopupPosition(field: RefObject<HTMLElement | null>, isOpen: boolean): CSSProperties {
  const [place, setPlace] = useState<CSSProperties>({});
  useEffect(() => {
    if (!isOpen) return undefined;
    const look = (): void => {
      const box = field.current?.getBoundingClientRect();
      if (!box) return;
      // Excludes an on-screen keyboard.
      const height = visualViewport?.height ?? innerHeight;
      const roomBelow = height - box.bottom - marginPx * 1.5;
      const roomAbove = box.top - marginPx * 1.5;
      const isBelow = roomBelow >= 160 || roomBelow >= roomAbove;
      setPlace({
        left: box.left,
        width: box.width,
        maxHeight: isBelow ? roomBelow : roomAbove,
        ...(isBelow ? { top: box.bottom + marginPx / 2 } : { bottom: innerHeight - box.top + marginPx / 2 }),
      });
    };
    look();
    addEventListener('resize', look);
    addEventListener('scroll', look, { capture: true, passive: true });
    visualViewport?.addEventListener('resize', look);
    return () => {
      removeEventListener('resize', look);
      removeEventListener('scroll', look, { capture: true });
      visualViewport?.removeEventListener('resize', look);
    };
  }, [field, isOpen]);
  return place;
}
