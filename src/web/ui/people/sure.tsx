import { useState } from 'react';

interface SureProps {
  action: string;
  /** What it is done to, for screen readers. */
  of: string;
  isBusy: boolean;
  onSure: () => void;
}

/** A button that asks once more in its place. */
export function Sure({ action, of, isBusy, onSure }: SureProps) {
  const [isAsked, setAsked] = useState(false);
  if (!isAsked) {
    return (
      <button type="button" className="dangerous" disabled={isBusy} onClick={() => setAsked(true)}>
        {action}
        <span className="visually-hidden"> {of}</span>
      </button>
    );
  }
  return (
    <span className="people-sure">
      <button type="button" autoFocus onClick={() => setAsked(false)}>
        Keep
        <span className="visually-hidden"> {of}</span>
      </button>
      <button
        type="button"
        className="danger-fill"
        disabled={isBusy}
        onClick={() => {
          setAsked(false);
          onSure();
        }}
      >
        {action} now
        <span className="visually-hidden"> {of}</span>
      </button>
    </span>
  );
}
