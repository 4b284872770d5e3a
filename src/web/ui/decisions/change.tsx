import { useMemo, useState } from 'react';
import { countOf } from '../../../protocol/count-text.ts';
import { exactParts } from '../../../protocol/exact-text.ts';
import { changedLines } from '../../text/diff-lines.ts';
import { changeMarks, changeWords } from '../parts/diff.tsx';
import { Marked } from '../parts/marked.tsx';
import { InSight, useSight } from './in-sight.tsx';
import { SeenEnd, useJudged } from './seen-gate.tsx';

const longestChange = 20_000;

/** Beyond this size the two texts are shown instead: a table of both would be too slow. */
export const isShortChange = (before: string, after: string): boolean => before.length + after.length <= longestChange;

/** A text change to approve: both texts to the byte, with common lines shown once. */
export function Change({ before, after }: { before: string; after: string }) {
  const [isOpen, setOpen] = useState(false);
  const lines = useMemo(() => changedLines(before, after), [before, after]);
  const { place, id } = useJudged<HTMLDivElement>('the change', lines);
  const sight = useSight(place, lines, isOpen);
  return (
    <div>
      <div
        ref={place}
        className={`exact change-lines${isOpen ? ' is-open' : ''}`}
        tabIndex={0}
        role="region"
        aria-label={`Change, ${countOf(lines.length, 'line')}`}
      >
        {lines.map(({ kind, text }, index) => (
          <div key={index} className={`exact-line diff-line diff-${kind}`}>
            <span className="diff-mark" aria-hidden="true">
              {changeMarks[kind]}
            </span>
            <span className="diff-text">
              <span className="visually-hidden">{changeWords[kind]}</span>
              <Marked parts={exactParts(text, { isProse: true })} />
            </span>
          </div>
        ))}
        <SeenEnd id={id} of={lines} />
      </div>
      <InSight sight={sight} lines={lines.length} onShowAll={() => setOpen(true)} />
    </div>
  );
}
