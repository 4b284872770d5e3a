import { useEffect, useState } from 'react';
import { toBooError } from '../../../protocol/error.ts';
import { ownTimeZone } from '../../../protocol/own-time-zone.ts';
import { tokensIn } from '../../../protocol/usage.ts';
import type { UsageGroup } from '../../../protocol/usage-groups.ts';
import type { UsageReport } from '../../../protocol/usage-report.ts';
import { allTokens, firstDay, type UsageDays, usageDays } from '../../state/usage-view.ts';
import { costText, countText } from '../parts/format.ts';
import { Problem } from '../parts/problem.tsx';
import { useSession } from '../parts/session-context.ts';
import { PageFrame } from '../worktrees/page-frame.tsx';
import { Choice } from './choice.tsx';
import { DayChart } from './day-chart.tsx';
import { UsageTable } from './usage-table.tsx';
import './usage.css';

const groupWords = { day: 'Day', chat: 'Chat', cwd: 'Directory', model: 'Model' } as const satisfies Record<
  UsageGroup,
  string
>;
const groups = Object.entries(groupWords).map(([value, label]) => ({ value: value as UsageGroup, label }));
const ranges = usageDays.map((value) => ({ value, label: `${value} days` }));

/** More than anybody reads; the rest is added up in one row. */
const rowLimit = 100;

interface Asked {
  group: UsageGroup;
  days: UsageDays;
}

/** What all chats have used, deleted ones included. Loaded when it is opened. */
export default function UsagePage() {
  const [asked, setAsked] = useState<Asked>({ group: 'day', days: 30 });
  const { report, problem, isReading, readAgain } = useReport(asked);
  const isEmpty = report !== undefined && allTokens(report.total) === 0 && report.total.costUsd === 0;
  return (
    <PageFrame title="Usage">
      <div className="usage-choices">
        <Choice
          legend="Time"
          options={ranges}
          value={asked.days}
          onChoose={(days) => setAsked((before) => ({ ...before, days }))}
        />
        <Choice
          legend="By"
          options={groups}
          value={asked.group}
          onChoose={(group) => setAsked((before) => ({ ...before, group }))}
        />
        <button className="usage-again" disabled={isReading} onClick={readAgain}>
          {isReading ? 'Reading …' : 'Read again'}
        </button>
      </div>
      <Problem text={problem} />
      {!report && problem === undefined && <p role="status">Adding up …</p>}
      {report && isEmpty && <p className="quiet">No chat has used anything in this time.</p>}
      {report && !isEmpty && (
        <div className="usage-report" aria-busy={isReading}>
          <Totals report={report} />
          {report.group === 'day' ? <DayChart report={report} /> : <UsageTable report={report} />}
        </div>
      )}
    </PageFrame>
  );
}

function useReport({ group, days }: Asked) {
  const { api } = useSession();
  const [report, setReport] = useState<UsageReport>();
  const [problem, setProblem] = useState<string>();
  const [isReading, setReading] = useState(true);
  const [count, setCount] = useState(0);
  useEffect(() => {
    let isWanted = true;
    setReading(true);
    const timeZone = ownTimeZone();
    api.usage({ group, from: firstDay(days, new Date()), timeZone, limit: rowLimit }).then(
      (found) => {
        if (!isWanted) return;
        setReport(found);
        setProblem(undefined);
        setReading(false);
      },
      (error: unknown) => {
        if (!isWanted) return;
        // What is shown would be taken for the answer.
        setReport(undefined);
        setProblem(`The usage could not be read. ${toBooError(error).message}`);
        setReading(false);
      },
    );
    return () => void (isWanted = false);
  }, [api, group, days, count]);
  return { report, problem, isReading, readAgain: () => setCount((before) => before + 1) };
}

function Totals({ report: { total } }: { report: UsageReport }) {
  const { costUsd, cacheReadInputTokens, outputTokens, unpricedTokens } = total;
  return (
    <>
      <dl className="usage-totals">
        <div>
          <dt>Cost</dt>
          <dd>{costText(costUsd)}</dd>
        </div>
        <div>
          <dt>Tokens in</dt>
          <dd>
            {countText(tokensIn(total))} <span className="quiet">{countText(cacheReadInputTokens)} from the cache</span>
          </dd>
        </div>
        <div>
          <dt>Tokens out</dt>
          <dd>{countText(outputTokens)}</dd>
        </div>
      </dl>
      {unpricedTokens > 0 && (
        <p className="usage-unpriced">
          The cost of {countText(unpricedTokens)} tokens is not known yet, and not included. It is added when their
          chats continue, if their agents have recorded it.
        </p>
      )}
    </>
  );
}
