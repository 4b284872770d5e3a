import type { BackendName } from '../../../protocol/chat.ts';
import { engineText } from '../../../protocol/engine-text.ts';
import type { Info } from '../../../protocol/info.ts';

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

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
      {info.backends.map(({ name, hint, available, reason }) => (
        <label key={name}>
          <input
            type="radio"
            name="engine"
            checked={value === name}
            disabled={!available}
            onChange={() => onChange(name)}
          />
          <span>
            {capitalized(engineText(name, info.backends))}: {hint}
            {!available && <span className="quiet"> {reason}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
