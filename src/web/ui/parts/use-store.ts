import { useRef, useSyncExternalStore } from 'react';
import type { Store } from '../../state/store.ts';

/** A part of a store. `select` must give the same part for the same value; a new list each time is a part of its own. */
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
  return useSyncExternalStore((listener) => store.subscribe(listener), part);
}
