import { useState } from 'react';

/** How a person likes to read changes. Kept in this browser. */
export interface Preferences {
  against: 'start' | 'turn' | 'head';
  isSplit: boolean;
  hidesBlanks: boolean;
  showsIgnored: boolean;
}

const key = 'boocode.changes';
const usual: Preferences = { against: 'start', isSplit: false, hidesBlanks: false, showsIgnored: false };

function stored(): Preferences {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Preferences>;
    return {
      against: (['start', 'turn', 'head'] as const).find((each) => each === kept.against) ?? usual.against,
      isSplit: kept.isSplit === true,
      hidesBlanks: kept.hidesBlanks === true,
      showsIgnored: kept.showsIgnored === true,
    };
  } catch {
    return usual;
  }
}

export function usePreferences(): [Preferences, (part: Partial<Preferences>) => void] {
  const [preferences, setPreferences] = useState(stored);
  const change = (part: Partial<Preferences>): void => {
    const next = { ...preferences, ...part };
    setPreferences(next);
    try {
      localStorage.setItem(key, JSON.stringify(next));
    } catch {
      // Storage is full: the choice lasts as long as the view.
    }
  };
  return [preferences, change];
}
