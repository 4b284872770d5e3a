import type { BackendName } from '../../../protocol/chat.ts';
import type { Info } from '../../../protocol/info.ts';

export const engineWords: Record<BackendName, string> = {
  claude_sdk: 'Warm engine: follow-ups in milliseconds',
  claude_pty: 'Terminal engine: the claude program itself, with its screens',
};

export function EngineField({
  info,
  value,
  onChange,
}: {
  info: Info;
  value: BackendName;
  onChange: (backend: BackendName) => void;
}) {
  return (
    <fieldset className="choices stacked">
      <legend>Engine</legend>
      {info.backends.map(({ name, available, reason }) => (
        <label key={name}>
          <input
            type="radio"
            name="engine"
            checked={value === name}
            disabled={!available}
            onChange={() => onChange(name)}
          />
          <span>
            {engineWords[name]}
            {!available && <span className="quiet"> {reason}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
