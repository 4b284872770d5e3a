import type { Effort } from '../../../protocol/chat.ts';

/** Repeated here, because the schemas are not part of the bundle. */
const levels: Record<Effort, string> = {
  low: 'Low',
  medium: 'Medium',
  high: 'High',
  xhigh: 'Extra high',
  max: 'Maximum',
};

export function EffortField({ value, onChange }: { value: Effort | null; onChange: (effort: Effort | null) => void }) {
  return (
    <label>
      Effort
      <select value={value ?? ''} onChange={(event) => onChange((event.target.value || null) as Effort | null)}>
        <option value="">The agent’s own choice</option>
        {Object.entries(levels).map(([level, words]) => (
          <option key={level} value={level}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}
