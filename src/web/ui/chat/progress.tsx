import type { Chat } from '../../../protocol/chat.ts';
import type { EventOf } from '../../../protocol/event.ts';
import { readableLine } from '../../text/readable.ts';
import { costText, countText } from '../parts/format.ts';

/** The chat's total cost and tokens. */
export function Spent({ chat }: { chat: Chat }) {
  const tokens = `${countText(chat.tokensIn)} tokens in, ${countText(chat.tokensOut)} out`;
  return (
    <span className="spent" title={`This chat so far: ${costText(chat.costUsd)}, ${tokens}`}>
      {costText(chat.costUsd)}
      {chat.tokensIn > 0 && <span className="spent-tokens"> · {tokens}</span>}
    </span>
  );
}

/** How full the agent's context is. */
export function ContextBar({ usage }: { usage: EventOf<'usage_update'> | undefined }) {
  if (!usage) return null;
  if (usage.size === null || usage.size <= 0) {
    return (
      <span className="context" title={`Context: ${countText(usage.used)} tokens`}>
        {countText(usage.used)} <span className="context-words">tokens of context</span>
      </span>
    );
  }
  const percent = Math.min(100, Math.round((usage.used / usage.size) * 100));
  const words = `Context: ${countText(usage.used)} of ${countText(usage.size)} tokens, ${percent} %`;
  return (
    <span className="context" title={words}>
      <meter min={0} max={100} high={80} value={percent} aria-label={words} />
      {percent} %
    </span>
  );
}

const marks = { pending: '○', in_progress: '◐', completed: '●' };
const markWords = { pending: 'to do', in_progress: 'being done', completed: 'done' };

export function PlanStrip({ plan }: { plan: EventOf<'plan'> | undefined }) {
  if (!plan || plan.entries.length === 0) return null;
  const done = plan.entries.filter(({ status }) => status === 'completed').length;
  const current = plan.entries.find(({ status }) => status === 'in_progress');
  return (
    <details className="strip plan-strip">
      <summary>
        Plan: {done} of {plan.entries.length} done
        {current && (
          <span className="quiet">
            {' '}
            · <bdi>{readableLine(current.content, 120)}</bdi>
          </span>
        )}
      </summary>
      <ol>
        {plan.entries.map((entry, index) => (
          <li key={index} className={`plan-${entry.status}`}>
            <span aria-hidden="true">{marks[entry.status]}</span>
            <span className="visually-hidden">{markWords[entry.status]}: </span>
            <bdi>{readableLine(entry.content, 300)}</bdi>
          </li>
        ))}
      </ol>
    </details>
  );
}

export function TaskStrip({ tasks }: { tasks: EventOf<'background_tasks'> | undefined }) {
  if (!tasks || tasks.tasks.length === 0) return null;
  return (
    <p className="strip">
      <strong>In the background:</strong>{' '}
      <bdi>{tasks.tasks.map(({ description }) => readableLine(description, 80)).join(' · ')}</bdi>
    </p>
  );
}
