import { memo, useEffect, useMemo, useState } from 'react';
import { countOf, grouped } from '../../../protocol/count-text.ts';
import { type ExactPart, exactParts, lineCount, linesOf } from '../../../protocol/exact-text.ts';
import { Marked } from '../parts/marked.tsx';
import { SeenEnd, useJudged } from './seen.tsx';

const firstLength = 20_000;
const moreLength = 200_000;
/** Beyond, the beginnings of lines are not marked one by one: a page of a hundred thousand elements is slow. */
const mostMarked = 2_000;

/** Whole lines, as long as a line is not longer than all. */
function beginningOf(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = text.lastIndexOf('\n', length);
  return text.slice(0, end > 0 ? end + 1 : length);
}

/** What will run, to the byte: what is not seen as itself is named and marked. All of it can be reached. */
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
      {(sight.isCut || rest > 0) && (
        <p className="more-text">
          <strong>
            {rest > 0
              ? `${countOf(rest, 'more character')} ${rest === 1 ? 'is' : 'are'} not shown yet.`
              : count > 1 && sight.lines > 0
                ? `${grouped(Math.min(sight.lines, count))} of ${countOf(count, 'line')} are in sight.`
                : 'It goes on below.'}
          </strong>{' '}
          <button type="button" onClick={showAll}>
            {rest > moreLength ? 'Show more' : 'Show all'}
          </button>
        </p>
      )}
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

/** Whether a box holds more than it shows, and how many lines are in it now. */
function useSight(place: { current: HTMLElement | null }, shown: string, isOpen: boolean) {
  const [sight, setSight] = useState({ isCut: false, lines: 0 });
  useEffect(() => {
    const box = place.current;
    if (!box) return undefined;
    const look = (): void => {
      const { top, bottom } = box.getBoundingClientRect();
      const lines = box.getElementsByClassName('exact-line');
      // Of those that end below a place in the page, the first; lines stand in order.
      const firstBelow = (edge: number): number => {
        let low = 0;
        let high = lines.length;
        while (low < high) {
          const middle = (low + high) >> 1;
          if ((lines[middle]?.getBoundingClientRect().bottom ?? 0) > edge + 1) high = middle;
          else low = middle + 1;
        }
        return low;
      };
      const next = {
        isCut: box.scrollHeight > box.clientHeight + 1,
        lines: firstBelow(bottom) - firstBelow(top),
      };
      setSight((now) => (now.isCut === next.isCut && now.lines === next.lines ? now : next));
    };
    look();
    const sizes = new ResizeObserver(look);
    sizes.observe(box);
    box.addEventListener('scroll', look, { passive: true });
    return () => {
      sizes.disconnect();
      box.removeEventListener('scroll', look);
    };
  }, [place, shown, isOpen]);
  return sight;
}
