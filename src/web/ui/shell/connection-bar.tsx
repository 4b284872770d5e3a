import { useEffect, useRef, useState } from 'react';
import type { BooError } from '../../../client/client.ts';
import { isUnsent } from '../../state/outbox.ts';
import { useStore } from '../parts/use-store.ts';
import { useSession } from '../parts/session-context.ts';
import { useLiveState } from '../parts/use-live-state.ts';

/** Shown only when the connection is lost for more than a moment, or when the server cannot do its work. */
export function ConnectionBar() {
  const { live, outbox, trouble } = useSession();
  const problem = useStore(trouble);
  const state = useLiveState();
  const unsent = useStore(outbox.store).filter(isUnsent).length;
  const [isLate, setLate] = useState(false);
  const wasOpen = useRef(false);
  const isFine = state === 'open';
  if (isFine) wasOpen.current = true;

  useEffect(() => {
    if (isFine) {
      setLate(false);
      return;
    }
    const late = setTimeout(() => setLate(true), 700);
    return () => clearTimeout(late);
  }, [isFine]);

  return (
    <div className="connection" role="status">
      {isFine && problem !== undefined && (
        <p className="connection-bar">
          <strong>The server has a problem.</strong> {problem}
        </p>
      )}
      {!isFine &&
        isLate &&
        (state === 'catching_up' ? (
          <p className="connection-bar">Catching up …</p>
        ) : state === 'connecting' && !wasOpen.current ? (
          <p className="connection-bar">Connecting …</p>
        ) : (
          <p className="connection-bar">
            <strong>Offline.</strong> {whyText(live.error)} What you see may be out of date.
            {unsent > 0 && ` ${unsent === 1 ? 'One prompt is' : `${unsent} prompts are`} waiting to be sent.`}
            <button type="button" onClick={() => live.retry()}>
              Try now
            </button>
          </p>
        ))}
    </div>
  );
}

/** There is no error during a retry, so keep the last message. */
function whyText(error: BooError | undefined): string {
  const status = error?.details['status'];
  if (error && typeof status === 'number' && status < 500) return `The server refused the connection: ${error.message}`;
  if (error?.details['step'] === 'websocket_failed') {
    return 'The server answers, but a WebSocket cannot be opened. Check that the proxy in front of it forwards WebSockets (the Upgrade and Connection headers).';
  }
  // Who has signed in is known to the database alone.
  if (error?.code === 'storage_unavailable') return `${error.message} Retrying …`;
  return 'The server cannot be reached. Retrying …';
}
