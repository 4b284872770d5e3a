import { useEffect, useState } from 'react';
import { copyText } from '../../text/copy-text.ts';

const words = { idle: 'Copy', done: 'Copied', failed: 'Not copied' };

/** `what` names the content for screen readers. */
export function CopyButton({ what, text, className }: { what: string; text: () => string; className: string }) {
  const [state, setState] = useState<keyof typeof words>('idle');
  useEffect(() => {
    if (state === 'idle') return;
    const timer = setTimeout(() => setState('idle'), 1_500);
    return () => clearTimeout(timer);
  }, [state]);
  return (
    <button
      type="button"
      className={className}
      onClick={() => {
        copyText(text()).then(
          () => setState('done'),
          () => setState('failed'),
        );
      }}
    >
      {words[state]}
      <span className="visually-hidden"> {what}</span>
    </button>
  );
}
