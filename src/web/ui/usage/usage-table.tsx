import type { ReactNode } from 'react';
import { tokensIn } from '../../../protocol/usage.ts';
import type { UsageGroup } from '../../../protocol/usage-groups.ts';
import type { UsageReport, UsageRow, UsageTotals } from '../../../protocol/usage-report.ts';
import { allTokens, amountOf, measureOf } from '../../state/usage-view.ts';
import { readableLine } from '../../text/readable.ts';
import { costText, countText } from '../parts/format.ts';
import { chatHref } from '../parts/route.ts';
import { longDay } from './day-text.ts';

const heads = { day: 'Day', chat: 'Chat', cwd: 'Directory', model: 'Model' } as const satisfies Record<
  UsageGroup,
  string
>;

/** Rows with their numbers, and a bar that compares them. Of days only those on which something was used, the newest first. */
export function UsageTable({ report: { group, items, other, total } }: { report: UsageReport }) {
  const measure = measureOf(total);
  const isDays = group === 'day';
  const rows = isDays ? items.filter((item) => allTokens(item) > 0 || item.costUsd > 0).toReversed() : items;
  const most = Math.max(...items.map((item) => amountOf(item, measure)));
  return (
    <div className="usage-table">
      <table>
        <thead>
          <tr>
            <th scope="col">{heads[group]}</th>
            <th scope="col">Cost</th>
            <th scope="col">Tokens in</th>
            <th scope="col">From cache</th>
            <th scope="col">Tokens out</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row
              key={row.key}
              name={<Name group={group} row={row} />}
              numbers={row}
              share={amountOf(row, measure) / most}
            />
          ))}
          {other && <Row name={otherText(other.count, isDays)} numbers={other} />}
        </tbody>
        <tfoot>
          <Row name="Total" numbers={total} />
        </tfoot>
      </table>
    </div>
  );
}

function otherText(count: number, isDays: boolean): string {
  const what = isDays ? 'earlier day' : 'other';
  return `${countText(count)} ${what}${count === 1 ? '' : 's'}`;
}

function Row({ name, numbers, share }: { name: ReactNode; numbers: UsageTotals; share?: number }) {
  return (
    <tr>
      <th scope="row">
        {name}
        {share !== undefined && (
          <span className="usage-share" aria-hidden="true">
            <i style={{ width: `${share > 0 ? Math.max(share * 100, 0.5) : 0}%` }} />
          </span>
        )}
      </th>
      <td>{costText(numbers.costUsd)}</td>
      <td>{countText(tokensIn(numbers))}</td>
      <td>{countText(numbers.cacheReadInputTokens)}</td>
      <td>{countText(numbers.outputTokens)}</td>
    </tr>
  );
}

function Name({ group, row: { key, title } }: { group: UsageGroup; row: UsageRow }) {
  if (key === null) return <span className="quiet">no model</span>;
  if (group === 'day') return <time dateTime={key}>{longDay(key)}</time>;
  if (group !== 'chat') return <bdi>{readableLine(key, 1000)}</bdi>;
  if (title === null || title === undefined) return <span className="quiet">a deleted chat ({key.slice(0, 8)})</span>;
  return (
    <a href={chatHref(key)} dir="auto">
      {readableLine(title, 100)}
    </a>
  );
}
