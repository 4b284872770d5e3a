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
            <span className="diff-text">{shown(line.text.slice(0, 5_000))}</span>
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
