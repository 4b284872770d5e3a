import { useEffect, useState, useSyncExternalStore } from 'react';
import { useSession } from './session-context.ts';

/** Nothing while all is well. A connection that is back within a moment needs no word either. */
export function ConnectionBar() {
  const { live } = useSession();
  const state = useSyncExternalStore(
    (listener) => live.onState(listener),
    () => live.state,
  );
  const [isLate, setLate] = useState(false);
  const isFine = state === 'open';

  useEffect(() => {
    if (isFine) {
      setLate(false);
      return;
    }
    const late = setTimeout(() => setLate(true), 700);
    return () => clearTimeout(late);
  }, [isFine]);
  useEffect(() => {
    const retry = (): void => live.retry();
    const onSight = (): void => {
      if (document.visibilityState === 'visible') retry();
    };
    addEventListener('online', retry);
    document.addEventListener('visibilitychange', onSight);
    return () => {
      removeEventListener('online', retry);
      document.removeEventListener('visibilitychange', onSight);
    };
  }, [live]);

  return (
    <div className="connection" role="status">
      {!isFine &&
        isLate &&
        (state === 'catching_up' ? (
          <p className="connection-bar">Catching up …</p>
        ) : (
          <p className="connection-bar">
            <strong>Offline.</strong> The server cannot be reached; it is tried again and again. What you see may be
            old.
            <button type="button" onClick={() => live.retry()}>
              Try now
            </button>
          </p>
        ))}
    </div>
  );
}
