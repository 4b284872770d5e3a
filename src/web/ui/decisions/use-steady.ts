import { useEffect, useState } from 'react';

/** As long as browsers delay their own permission prompts: an earlier press was meant for what was there before. */
const steadyAfterMs = 500;

/**
 * Whether something has been in its place for a moment: since it appeared, since `places` changed (its neighbours may
 * have moved it), and since the page became visible again.
 */
export function useSteady(places: unknown): boolean {
  const [isSteady, setSteady] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const wait = (): void => {
      clearTimeout(timer);
      setSteady(false);
      timer = setTimeout(() => setSteady(true), steadyAfterMs);
    };
    wait();
    addEventListener('focus', wait);
    document.addEventListener('visibilitychange', wait);
    return () => {
      clearTimeout(timer);
      removeEventListener('focus', wait);
      document.removeEventListener('visibilitychange', wait);
    };
  }, [places]);
  return isSteady;
}
