import { memo, useMemo, useState } from 'react';
import { type DiffLine, diffLines } from '../../text/diff-lines.ts';
import { exactParts, type ExactPart, unseenParts } from '../../../protocol/exact-text.ts';
import { Marked } from './marked.tsx';

export const changeMarks = { same: ' ', added: '+', removed: '−', skipped: '⋯' };
export const changeWords = { same: '', added: 'added: ', removed: 'removed: ', skipped: '' };
const firstLines = 40;

/** Tabs are normal in code, so they are not marked. */
const withTabs = (parts: ExactPart[]): ExactPart[] =>
  parts.map((part) => (/^␉+$/.test(part.text) ? { text: part.text.replaceAll('␉', '\t'), isNamed: false } : part));

const firstChars = 5_000;

function DiffText({ text, isJudged }: { text: string; isJudged: boolean }) {
  const [isWhole, setWhole] = useState(false);
  const rest = isWhole ? 0 : text.length - firstChars;
  const shown = rest > 0 ? text.slice(0, firstChars) : text;
  return (
    <span className="diff-text">
      <Marked parts={isJudged ? exactParts(shown, { isProse: true }) : withTabs(unseenParts(shown))} />
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
  lines: given,
  isJudged = false,
}: {
  oldText: string | null;
  newText: string;
  /** Overrides the lines computed from the texts, for example to include context. */
  lines?: DiffLine[] | undefined;
  /** The change has not been approved yet. */
  isJudged?: boolean;
}) {
  const lines = useMemo(() => given ?? diffLines(oldText, newText), [given, oldText, newText]);
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
              {changeMarks[line.kind]}
            </span>
            <span className="visually-hidden">{changeWords[line.kind]}</span>
            <DiffText text={line.text} isJudged={isJudged && line.kind !== 'skipped'} />
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
