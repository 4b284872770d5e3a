import { useState } from 'react';

// The virtual list unmounts rows out of view; expanded ones must come back expanded.
const remembered = new Map<string, boolean>();
const maxRemembered = 5_000;

export function useExpanded(key: string, initial: boolean): [boolean, (isOpen: boolean) => void] {
  const [chosen, setChosen] = useState(() => remembered.get(key));
  return [
    chosen ?? initial,
    (isOpen) => {
      if (remembered.size > maxRemembered) remembered.clear();
      remembered.set(key, isOpen);
      setChosen(isOpen);
    },
  ];
}
