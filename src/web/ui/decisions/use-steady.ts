import { useEffect, useState } from 'react';

/**
 * As long as browsers themselves wait with their permission prompts: what is pressed earlier was meant for what stood there
 * before.
 */
const steadyAfterMs = 500;

/**
 * Whether something has stood in its place for a while: since it came, since `places` changed (what stands around it may
 * have moved it), and since the page came back to the front.
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
