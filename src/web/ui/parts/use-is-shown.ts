import { type RefObject, useEffect, useRef } from 'react';

/** Whether the component is still there: work that takes minutes goes on without it, and a toast tells how it ended. */
export function useIsShown(): RefObject<boolean> {
  const isShown = useRef(true);
  useEffect(() => {
    isShown.current = true;
    return () => void (isShown.current = false);
  }, []);
  return isShown;
}
