import { type KeyboardEvent, useRef, useState } from 'react';
import { tokensIn } from '../../../protocol/usage.ts';
import type { UsageReport, UsageRow } from '../../../protocol/usage-report.ts';
import { amountOf, axisEnd, type Measure, measureOf, namedDays } from '../../state/usage-view.ts';
import { costText, countText } from '../parts/format.ts';
import { useMedia } from '../parts/use-media.ts';
import { longDay, shortDay } from './day-text.ts';
import { UsageTable } from './usage-table.tsx';

/** A bar for each day, and the same as a table. One bar is described: the last one that was pointed at or reached by keys. */
export function DayChart({ report }: { report: UsageReport }) {
  const { items, total } = report;
  const measure = measureOf(total);
  const [chosen, setChosen] = useState<string>();
  const bars = useRef<HTMLDivElement>(null);
  const isNarrow = useMedia('(max-width: 760px)');
  const found = items.findIndex(({ key }) => key === chosen);
  const at = found === -1 ? items.length - 1 : found;
  const named = namedDays(items.length, isNarrow ? 4 : 8);
  const end = axisEnd(Math.max(...items.map((item) => amountOf(item, measure))));

  function onKeyDown(event: KeyboardEvent): void {
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: items.length - 1 }[event.key];
    if (next === undefined || !items[next] || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    setChosen(items[next].key ?? undefined);
    bars.current?.querySelectorAll('button')[next]?.focus();
  }

  return (
    <>
      <figure className="usage-chart">
        <figcaption>
          <h2>{measure === 'cost' ? 'Cost by day' : 'Tokens by day'}</h2>
          {items[at] && <p aria-hidden="true">{describe(items[at])}</p>}
        </figcaption>
        <div className="usage-plot">
          <div className="usage-axis" aria-hidden="true">
            {[end, end / 2, 0].map((value) => (
              <span key={value}>{amountText(value, measure)}</span>
            ))}
          </div>
          <div
            className="usage-bars"
            role="group"
            aria-label="Days; the arrow keys move between them"
            ref={bars}
            onKeyDown={onKeyDown}
          >
            {items.map((item, index) => (
              <button
                key={item.key}
                tabIndex={index === at ? 0 : -1}
                aria-label={describe(item)}
                className={index === at ? 'is-chosen' : ''}
                onClick={() => setChosen(item.key ?? undefined)}
                onFocus={() => setChosen(item.key ?? undefined)}
                onMouseEnter={() => setChosen(item.key ?? undefined)}
              >
                <i style={{ height: `${(amountOf(item, measure) / end) * 100}%` }} />
              </button>
            ))}
          </div>
          <div className="usage-days" aria-hidden="true">
            {items.map(({ key }, index) => (
              <span key={key}>{named.has(index) && <b>{shortDay(key!)}</b>}</span>
            ))}
          </div>
        </div>
      </figure>
      <details className="usage-as-table">
        <summary>As a table</summary>
        <UsageTable report={report} />
      </details>
    </>
  );
}

const amountText = (amount: number, measure: Measure): string =>
  measure === 'cost' ? axisCost(amount) : countText(amount);

/** As many digits as the amount has. */
const axisCost = (amount: number): string => (amount === 0 ? '$0' : `$${Number(amount.toPrecision(3))}`);

function describe(item: UsageRow): string {
  const day = longDay(item.key ?? '');
  const tokens = tokensIn(item) + item.outputTokens;
  if (tokens === 0 && item.costUsd === 0) return `${day}: nothing`;
  return `${day}: ${costText(item.costUsd)}, ${countText(tokensIn(item))} tokens in, ${countText(item.outputTokens)} out`;
}
