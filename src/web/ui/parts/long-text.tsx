import { useState } from 'react';

const firstLength = 20_000;
const moreLength = 200_000;

/** Plain text of any length, laid out only as far as requested. Text that is still growing shows its end. */
export function LongText({
  text,
  className = 'plain-text',
  isDraft = false,
}: {
  text: string;
  className?: string;
  isDraft?: boolean;
}) {
  const [length, setLength] = useState(firstLength);
  const rest = text.length - length;
  if (isDraft && rest > 0) return <pre className={className}>…{text.slice(-length)}</pre>;
  return (
    <>
      <pre className={className}>{rest > 0 ? text.slice(0, length) : text}</pre>
      {rest > 0 && (
        <button type="button" className="plain" onClick={() => setLength(length + moreLength)}>
          Show more ({rest.toLocaleString('en-US')} characters)
        </button>
      )}
    </>
  );
}
