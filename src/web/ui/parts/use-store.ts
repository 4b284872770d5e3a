import { useRef, useSyncExternalStore } from 'react';
import type { Store } from '../../state/store.ts';

/**
 * Subscribes to part of a store. `select` must return the same reference for the same value, not a new list each time.
 */
export function useStore<T, P = T>(store: Store<T>, select: (value: T) => P = (value) => value as unknown as P): P {
  const cache = useRef<{ value: T; part: P; select: (value: T) => P } | undefined>(undefined);
  const part = (): P => {
    const value = store.get();
    const known = cache.current;
    if (known && Object.is(known.value, value) && known.select === select) return known.part;
    const next = select(value);
    cache.current = { value, select, part: known && Object.is(known.part, next) ? known.part : next };
    return cache.current.part;
  };
  return useSyncExternalStore((listener) => store.subscribe(listener), part, part);
}
