import { useSyncExternalStore } from 'react';
import type { LiveState } from '../../../client/client.ts';
import { useSession } from './session-context.ts';

export function useLiveState(): LiveState {
  const { live } = useSession();
  return useSyncExternalStore(
    (listener) => live.onState(listener),
    () => live.state,
  );
}
