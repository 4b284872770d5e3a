import { Fragment, useMemo, useState } from 'react';
import { exactParts } from '../../text/hidden.ts';

const firstLength = 20_000;
const moreLength = 200_000;

/** What will run, to the byte: what is not seen as itself is named and marked. All of it can be reached. */
export function ExactText({ text, label }: { text: string; label?: string }) {
  const [length, setLength] = useState(firstLength);
  const parts = useMemo(() => exactParts(text.slice(0, length)), [text, length]);
  const rest = text.length - length;
  return (
    <>
      <pre className="exact" tabIndex={0} role="region" aria-label={label ?? 'Exact text'}>
        {parts.map((part, index) =>
          part.isNamed ? (
            <mark key={index} title="A character that is not seen as itself">
              {part.text}
            </mark>
          ) : (
            <Fragment key={index}>{part.text}</Fragment>
          ),
        )}
      </pre>
      {rest > 0 && (
        <p className="more-text">
          <strong>{rest.toLocaleString('en-US')} more characters are not shown yet.</strong>{' '}
          <button type="button" onClick={() => setLength(length + moreLength)}>
            Show more
          </button>
        </p>
      )}
    </>
  );
}
