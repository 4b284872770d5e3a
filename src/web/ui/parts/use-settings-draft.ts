import { useState } from 'react';
import type { Chat, SettingName } from '../../../protocol/chat.ts';

type Settings = Partial<Pick<Chat, SettingName>>;

export interface SettingsDraft<S extends Settings = Settings> {
  readonly values: S;
  /** What differs from the settings that the form shows without edits. */
  readonly changes: Partial<S>;
  readonly set: (edits: Partial<S>) => void;
}

/**
 * The state of a form that edits a chat's settings. Settings that nobody has edited follow `current`, so that saving
 * does not undo a change made elsewhere while the form was open.
 */
export function useSettingsDraft<S extends Settings>(current: S): SettingsDraft<S> {
  const [edits, setEdits] = useState<Partial<S>>({});
  const changesIn = (some: Partial<S>) =>
    Object.fromEntries(
      Object.entries(some).filter(([name, value]) => value !== current[name as keyof S]),
    ) as Partial<S>;
  return {
    values: { ...current, ...edits },
    changes: changesIn(edits),
    set: (some) => setEdits((before) => changesIn({ ...before, ...some })),
  };
}
