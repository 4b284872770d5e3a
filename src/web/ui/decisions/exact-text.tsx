import { memo, useMemo, useState } from 'react';
import { countOf } from '../../../protocol/count-text.ts';
import { type ExactPart, exactParts, lineCount, linesOf } from '../../../protocol/exact-text.ts';
import { Marked } from '../parts/marked.tsx';
import { InSight, useSight } from './in-sight.tsx';
import { SeenEnd, useJudged } from './seen-gate.tsx';

const firstLength = 20_000;
const moreLength = 200_000;
/** Beyond this, line starts are not marked individually: a page with a hundred thousand elements is slow. */
const mostMarked = 2_000;

/** Cuts at the end of a line, unless a single line is longer than the limit. */
function beginningOf(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = text.lastIndexOf('\n', length);
  return text.slice(0, end > 0 ? end + 1 : length);
}

/**
 * What will run, to the byte: characters that are not visible as themselves are named and marked. All of it can be
 * reached.
 */
export function ExactText({
  text,
  label = 'Exact text',
  isProse = false,
}: {
  text: string;
  label?: string;
  isProse?: boolean;
}) {
  const [length, setLength] = useState(firstLength);
  const [isOpen, setOpen] = useState(false);
  const { place, id } = useJudged<HTMLPreElement>(label, text);
  const shown = useMemo(() => beginningOf(text, length), [text, length]);
  const parts = useMemo(() => exactParts(shown, { isProse }), [shown, isProse]);
  const lines = useMemo(() => linesOf(parts), [parts]);
  const sight = useSight(place, shown, isOpen);
  const count = useMemo(() => lineCount(text), [text]);
  const rest = text.length - shown.length;
  const showAll = (): void => {
    setOpen(true);
    if (rest > 0) setLength(length + moreLength);
  };
  return (
    <>
      <pre
        ref={place}
        className={`exact${isOpen ? ' is-open' : ''}${count > 1 ? ' has-lines' : ''}`}
        tabIndex={0}
        role="region"
        aria-label={count > 1 ? `${label}, ${countOf(count, 'line')}` : label}
      >
        {lines.length > mostMarked ? <Marked parts={parts} /> : <Lines lines={lines} />}
        <SeenEnd id={id} of={text} isDrawn={rest === 0} />
      </pre>
      <InSight
        sight={sight}
        lines={count}
        rest={rest}
        more={rest > moreLength ? 'Show more' : 'Show all'}
        onShowAll={showAll}
      />
    </>
  );
}

const Lines = memo(function Lines({ lines }: { lines: readonly ExactPart[][] }) {
  return lines.map((parts, index) => [
    index > 0 && '\n',
    <span key={index} className="exact-line">
      <Marked parts={parts} />
    </span>,
  ]);
});
