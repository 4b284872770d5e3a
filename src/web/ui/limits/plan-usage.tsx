import { useEffect, useState } from 'react';
import type { PlanUsage as Usage, PlanWindow } from '../../../protocol/plan-usage.ts';
import { planWindowName, usedText } from '../../../protocol/plan-words.ts';
import { readableLine } from '../../text/readable.ts';
import { useSession } from '../parts/session-context.ts';

/** How much of the plan is used, where the account tells it. Nothing is shown where nothing is known. */
export default function PlanUsage() {
  const { api } = useSession();
  const [usage, setUsage] = useState<Usage>();
  useEffect(() => {
    api.planUsage().then(setUsage, () => undefined);
  }, [api]);
  if (!usage || usage.items.length === 0) return null;
  return (
    <section aria-labelledby="plan-usage" className="plan-usage">
      <h3 id="plan-usage">Plan usage</h3>
      {usage.items.map(({ host, agent, windows }) => (
        <div key={`${host} ${agent}`}>
          {usage.items.length > 1 && (
            <p>
              On <bdi>{readableLine(host, 60)}</bdi>
            </p>
          )}
          <ul>
            {windows.map((window) => (
              <WindowLine key={window.name} window={window} />
            ))}
          </ul>
        </div>
      ))}
    </section>
  );
}

function WindowLine({ window: { name, used, status, resetsAt, seenAt } }: { window: PlanWindow }) {
  const label = readableLine(planWindowName(name), 60);
  const words = usedText(used, status);
  return (
    <li className={`plan-${status}`} title={`Heard ${timeText(seenAt)}`}>
      <span>{label}</span>{' '}
      {used !== null && (
        <meter min={0} max={100} high={80} value={Math.min(100, used * 100)} aria-label={`${label}: ${words} used`} />
      )}{' '}
      <strong>{words}</strong>
      {resetsAt !== null && <span className="quiet"> · resets {timeText(resetsAt)}</span>}
    </li>
  );
}

function timeText(iso: string): string {
  return new Date(iso).toLocaleString(undefined, { weekday: 'short', hour: 'numeric', minute: '2-digit' });
}
