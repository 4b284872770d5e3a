import { useEffect, useState } from 'react';
import { useSession } from './session-context.ts';

/** On which host alone the chat runs. Not shown where there is nothing to choose. */
export function PinField({ value, onChange }: { value: string | null; onChange: (host: string | null) => void }) {
  const { api } = useSession();
  const [names, setNames] = useState<readonly string[]>([]);
  useEffect(() => {
    let isShown = true;
    const show = (found: readonly string[]): void => {
      if (isShown) setNames([...new Set(found)]);
    };
    // Without the list, a pin can still be taken back.
    api.listHosts().then(
      (hosts) => show(hosts.map(({ name }) => name)),
      () => show([]),
    );
    return () => {
      isShown = false;
    };
  }, [api]);
  if (value === null && names.length < 2) return null;
  const isUnknown = value !== null && !names.includes(value);
  return (
    <label>
      Runs on
      <select value={value ?? ''} onChange={(event) => onChange(event.target.value || null)}>
        <option value="">Any host</option>
        {isUnknown && <option value={value}>{`${value} (not up)`}</option>}
        {names.map((name) => (
          <option key={name} value={name}>{`Only ${name}`}</option>
        ))}
      </select>
    </label>
  );
}
