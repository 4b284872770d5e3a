import type { Preferences } from './use-preferences.ts';

export function ChangesTools({
  against,
  hasTurn,
  preferences,
  canSplit,
  isReading,
  onPrefer,
  onIgnored,
}: {
  against: Preferences['against'];
  hasTurn: boolean;
  preferences: Preferences;
  canSplit: boolean;
  isReading: boolean;
  onPrefer: (part: Partial<Preferences>) => void;
  onIgnored: (showsIgnored: boolean) => void;
}) {
  return (
    <div className="changes-tools">
      <select
        aria-label="Compare with"
        value={against}
        onChange={(event) => onPrefer({ against: event.target.value as Preferences['against'] })}
      >
        <option value="start">Since the chat’s start</option>
        <option value="turn" disabled={!hasTurn}>
          Since the last turn’s start
        </option>
        <option value="head">Since the last commit</option>
      </select>
      {canSplit && (
        <label className="check">
          <input
            type="checkbox"
            checked={preferences.isSplit}
            onChange={(event) => onPrefer({ isSplit: event.target.checked })}
          />
          Split
        </label>
      )}
      <label className="check">
        <input
          type="checkbox"
          checked={preferences.hidesBlanks}
          onChange={(event) => onPrefer({ hidesBlanks: event.target.checked })}
        />
        Hide white space
      </label>
      <label className="check">
        <input
          type="checkbox"
          checked={preferences.showsIgnored}
          onChange={(event) => onIgnored(event.target.checked)}
        />
        Show ignored files
      </label>
      {isReading && (
        <span className="quiet" role="status">
          Reading …
        </span>
      )}
    </div>
  );
}
