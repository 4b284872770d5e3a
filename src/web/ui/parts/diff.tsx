import { memo, useMemo, useState } from 'react';
import { type DiffLine, diffLines } from '../../text/diff-lines.ts';
import { exactParts } from '../../text/hidden.ts';

const marks = { same: ' ', added: '+', removed: '−', skipped: '⋯' };
const words = { same: '', added: 'added: ', removed: 'removed: ', skipped: '' };
const firstLines = 40;

/** Tabs and line ends belong to code; whatever else is not seen is named. */
function shown(text: string): string {
  return exactParts(text)
    .map((part) => (part.text === '␉' && part.isNamed ? '\t' : part.text))
    .join('');
}

const firstChars = 5_000;

function DiffText({ text }: { text: string }) {
  const [isWhole, setWhole] = useState(false);
  const rest = isWhole ? 0 : text.length - firstChars;
  return (
    <span className="diff-text">
      {shown(rest > 0 ? text.slice(0, firstChars) : text)}
      {rest > 0 && (
        <button type="button" className="plain" onClick={() => setWhole(true)}>
          … {rest.toLocaleString('en-US')} more characters
        </button>
      )}
    </span>
  );
}

export const Diff = memo(function Diff({
  oldText,
  newText,
  lines: told,
}: {
  oldText: string | null;
  newText: string;
  /** In place of those that the two texts give, for example with what stands around them. */
  lines?: DiffLine[] | undefined;
}) {
  const lines = useMemo(() => told ?? diffLines(oldText, newText), [told, oldText, newText]);
  const isNumbered = lines.some(({ number }) => number !== undefined);
  const [isWhole, setWhole] = useState(false);
  const some = isWhole ? lines : lines.slice(0, firstLines);
  return (
    <div className="diff" tabIndex={0} role="region" aria-label="Change">
      <div className="diff-lines">
        {some.map((line, index) => (
          <div key={index} className={`diff-line diff-${line.kind}`}>
            {isNumbered && (
              <span className="diff-number" aria-hidden="true">
                {line.number}
              </span>
            )}
            <span className="diff-mark" aria-hidden="true">
              {marks[line.kind]}
            </span>
            <span className="visually-hidden">{words[line.kind]}</span>
            <DiffText text={line.text} />
          </div>
        ))}
      </div>
      {some.length < lines.length && (
        <button type="button" className="plain" onClick={() => setWhole(true)}>
          Show all {lines.length.toLocaleString('en-US')} lines
        </button>
      )}
    </div>
  );
});
