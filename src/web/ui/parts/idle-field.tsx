import { spanText } from '../../../protocol/wait-words.ts';

const choices = [60, 300, 900, 3600, 4 * 3600, 24 * 3600];

/** How long the agent is kept warm without work. */
export function IdleField({ value, onChange }: { value: number | null; onChange: (seconds: number | null) => void }) {
  const offered = value === null || choices.includes(value) ? choices : [...choices, value].toSorted((a, b) => a - b);
  return (
    <label>
      Keeps its agent warm for
      <select
        value={value ?? ''}
        onChange={(event) => onChange(event.target.value === '' ? null : Number(event.target.value))}
      >
        <option value="">As long as the server does</option>
        {offered.map((seconds) => (
          <option key={seconds} value={seconds}>
            {spanText(seconds * 1000)}
          </option>
        ))}
      </select>
    </label>
  );
}
