import { useState } from 'react';

// A virtual list takes away what is out of sight: what was opened must be so when it comes back.
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
