import { useState } from 'react';
import { usdText } from '../../../protocol/budget-text.ts';

/** What may be spent, in US dollars; empty for any amount. */
export function BudgetField({
  label,
  value,
  spentUsd,
  onChange,
}: {
  label: string;
  value: number | null;
  spentUsd?: number | undefined;
  onChange: (limitUsd: number | null) => void;
}) {
  // Kept as it is typed: `2.` is on the way to 2.5.
  const [typed, setTyped] = useState<string>();
  const text = typed !== undefined && toLimit(typed) === value ? typed : (value ?? '');
  return (
    <label>
      {label}
      <input
        type="number"
        min="0.01"
        max="1000000"
        step="any"
        inputMode="decimal"
        placeholder="any amount"
        value={text}
        onChange={(event) => {
          setTyped(event.target.value);
          onChange(toLimit(event.target.value));
        }}
      />
      {spentUsd !== undefined && <span className="quiet">Spent so far: {usdText(spentUsd)}</span>}
    </label>
  );
}

const toLimit = (text: string): number | null => (text.trim() === '' ? null : Number(text));
