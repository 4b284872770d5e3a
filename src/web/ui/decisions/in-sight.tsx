import { type RefObject, useEffect, useState } from 'react';
import { countOf, grouped } from '../../../protocol/count-text.ts';

interface Sight {
  isCut: boolean;
  lines: number;
}

/** How much of a box is in view, and a button to show all of it. */
export function InSight({
  sight,
  lines,
  rest = 0,
  more = 'Show all',
  onShowAll,
}: {
  sight: Sight;
  lines: number;
  /** How many characters are not in the page yet. */
  rest?: number;
  more?: string;
  onShowAll: () => void;
}) {
  if (!sight.isCut && rest === 0) return null;
  return (
    <p className="more-text">
      <strong>
        {rest > 0
          ? `${countOf(rest, 'more character')} ${rest === 1 ? 'is' : 'are'} not shown yet.`
          : lines > 1 && sight.lines > 0
            ? `${grouped(Math.min(sight.lines, lines))} of ${countOf(lines, 'line')} are in view.`
            : 'More below.'}
      </strong>{' '}
      <button type="button" onClick={onShowAll}>
        {more}
      </button>
    </p>
  );
}

/** Whether a box overflows, and how many of its `.exact-line`s are in view. */
export function useSight(place: RefObject<HTMLElement | null>, shown: unknown, isOpen: boolean): Sight {
  const [sight, setSight] = useState({ isCut: false, lines: 0 });
  useEffect(() => {
    const box = place.current;
    if (!box) return undefined;
    const look = (): void => {
      const { top, bottom } = box.getBoundingClientRect();
      const lines = box.getElementsByClassName('exact-line');
      // The first line that ends below a given position; lines are in order.
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
