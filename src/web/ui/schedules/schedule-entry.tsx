import { useState } from 'react';
import { toBooError } from '../../../protocol/error.ts';
import type { Schedule } from '../../../protocol/schedule.ts';
import { cronWords } from '../../text/cron-words.ts';
import { readable, readableLine } from '../../text/readable.ts';
import { Problem } from '../parts/problem.tsx';
import { chatHref } from '../parts/route.ts';
import { useSession } from '../parts/session-context.ts';

interface ScheduleEntryProps {
  schedule: Schedule;
  /** Beside schedules of other chats. */
  isAmongChats: boolean;
  onChanged: (now: Schedule) => void;
  onGone: () => void;
}

export function ScheduleEntry({ schedule, isAmongChats, onChanged, onGone }: ScheduleEntryProps) {
  const { api } = useSession();
  const [isBusy, setBusy] = useState(false);
  const [isAsking, setAsking] = useState(false);
  const [problem, setProblem] = useState<string>();
  const { id, chatId, content, isPaused, nextAt, lastAt, madeBy } = schedule;
  const name = readableLine(content.trim().split('\n')[0] ?? '', 80);
  const title = readableLine(schedule.chatTitle ?? 'A new chat', 100);

  const run = (work: () => Promise<void>): void => {
    setBusy(true);
    setProblem(undefined);
    work().then(
      () => setBusy(false),
      (error: unknown) => {
        const { code, message } = toBooError(error);
        setBusy(false);
        // Somebody else has removed it, or it was its last time.
        if (code === 'not_found') onGone();
        else setProblem(message);
      },
    );
  };
  const setPaused = (): void =>
    run(async () => onChanged(await api.patchSchedule(chatId, id, { isPaused: !isPaused })));
  const remove = (): void =>
    run(async () => {
      await api.deleteSchedule(chatId, id);
      onGone();
    });

  return (
    <li className={`schedule ${isPaused ? 'is-paused' : ''}`} aria-label={name}>
      <header>
        <strong>{isPaused ? 'Paused' : nextAt === null ? 'Over' : <Moment at={nextAt} />}</strong>
        <span className="quiet">{madeBy === 'agent' ? 'made by the agent' : `made by ${whoMade(schedule)}`}</span>
      </header>
      {isAmongChats && (
        <p className="schedule-chat">
          in <a href={chatHref(chatId)}>{title}</a>
        </p>
      )}
      <p className="schedule-times">{timesText(schedule)}</p>
      <blockquote dir="auto">{readable(content.length > 600 ? `${content.slice(0, 600)} …` : content)}</blockquote>
      {lastAt !== null && (
        <p className="quiet">
          Last given <Moment at={lastAt} />
        </p>
      )}
      <Problem text={problem} />
      <div className="actions">
        {isAsking ? (
          <>
            <span role="status">Remove it for good?</span>
            <button type="button" disabled={isBusy} onClick={() => setAsking(false)}>
              Keep
            </button>
            <button
              type="button"
              className="danger"
              disabled={isBusy}
              aria-label={`Remove for good: ${name}`}
              onClick={remove}
            >
              Remove
            </button>
          </>
        ) : (
          <>
            <button
              type="button"
              disabled={isBusy}
              aria-label={`${isPaused ? 'Resume' : 'Pause'}: ${name}`}
              onClick={setPaused}
            >
              {isPaused ? 'Resume' : 'Pause'}
            </button>
            <button type="button" disabled={isBusy} aria-label={`Remove: ${name}`} onClick={() => setAsking(true)}>
              Remove
            </button>
          </>
        )}
      </div>
    </li>
  );
}

const whoMade = ({ by }: Schedule): string => readableLine(by ?? 'somebody', 60);

/** When, in words, and what happens to missed times. */
function timesText({ at, cron, timeZone, nextAt, missed }: Schedule): string {
  const zone = readableLine(timeZone, 60);
  const what =
    cron === undefined
      ? 'Once'
      : `${capital(cronWords(cron) ?? `By the pattern ${readableLine(cron, 100)}`)}, ${zone} time`;
  const there = nextAt === null && at === undefined ? null : timeThere(nextAt ?? at!, timeZone);
  const elsewhere = there === null ? '' : ` (there: ${there})`;
  return `${what}${elsewhere}. If no server runs then: ${missed === 'run' ? 'as soon as one does' : 'skipped'}.`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** In the schedule's own zone, if the clock there shows another time. */
function timeThere(at: string, timeZone: string): string | null {
  const options = { weekday: 'short', hour: '2-digit', minute: '2-digit' } as const;
  const date = new Date(at);
  const here = date.toLocaleString(undefined, options);
  try {
    const there = date.toLocaleString(undefined, { ...options, timeZone });
    return there === here ? null : there;
  } catch {
    // A zone that this browser does not know.
    return null;
  }
}

function Moment({ at }: { at: string }) {
  const date = new Date(at);
  const isThisYear = date.getFullYear() === new Date().getFullYear();
  const text = date.toLocaleString(undefined, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    ...(isThisYear ? {} : { year: 'numeric' }),
    hour: '2-digit',
    minute: '2-digit',
  });
  return <time dateTime={at}>{text}</time>;
}
