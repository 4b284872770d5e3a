import { CopyButton } from '../parts/copy-button.tsx';

/** A secret that the server does not tell again. */
export function ShownOnce({ label, text, onDone }: { label: string; text: string; onDone: () => void }) {
  return (
    <div className="people-once" role="status">
      <p>
        <strong>{label}</strong> is shown only now. Whoever has it can use it.
      </p>
      <div className="sign-in-link">
        <input aria-label={label} readOnly value={text} onFocus={(event) => event.target.select()} />
        <CopyButton what={label} text={() => text} className="copy" />
      </div>
      <button type="button" onClick={onDone}>
        Done
      </button>
    </div>
  );
}
