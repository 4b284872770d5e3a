import { type FormEvent, useId, useState } from 'react';
import { toBooError } from '../../../protocol/error.ts';
import { ownTimeZone } from '../../../protocol/own-time-zone.ts';
import type { CreateSchedule, Schedule } from '../../../protocol/schedule.ts';
import { cronWords, weekdays } from '../../text/cron-words.ts';
import { Problem } from '../parts/problem.tsx';
import { useSession } from '../parts/session-context.ts';

const repeats = {
  once: 'Once',
  daily: 'Every day',
  workdays: 'Monday to Friday',
  weekly: 'Every week',
  pattern: 'By a cron pattern',
} as const;
type Repeat = keyof typeof repeats;

/** As a `datetime-local` field has it. */
function localValue(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

function tomorrowAtNine(): string {
  const date = new Date();
  date.setDate(date.getDate() + 1);
  date.setHours(9, 0, 0, 0);
  return localValue(date);
}

export function NewSchedule({ chatId, onMade }: { chatId: string; onMade: (made: Schedule) => void }) {
  const { api } = useSession();
  const [content, setContent] = useState('');
  const [repeat, setRepeat] = useState<Repeat>('once');
  const [at, setAt] = useState(tomorrowAtNine);
  const [time, setTime] = useState('09:00');
  const [weekday, setWeekday] = useState(1);
  const [cron, setCron] = useState('0 9 * * 1-5');
  const [timeZone, setTimeZone] = useState(ownTimeZone);
  const [runsMissed, setRunsMissed] = useState(true);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const patternHint = useId();

  const when = (): Pick<CreateSchedule, 'at' | 'cron' | 'timeZone'> => {
    if (repeat === 'once') return { at: new Date(at).toISOString(), timeZone: ownTimeZone() };
    const [hour = '9', minute = '0'] = time.split(':');
    const day = { daily: '*', workdays: '1-5', weekly: String(weekday), pattern: '' }[repeat];
    return { cron: repeat === 'pattern' ? cron : `${Number(minute)} ${Number(hour)} * * ${day}`, timeZone };
  };

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      const missed = runsMissed ? 'run' : 'skip';
      const made = await api.createSchedule(chatId, { ...when(), content, missed });
      setContent('');
      onMade(made);
    } catch (error) {
      setProblem(error instanceof RangeError ? 'This is not a time.' : toBooError(error).message);
    } finally {
      setBusy(false);
    }
  };

  return (
    <form className="new-schedule" onSubmit={(event) => void submit(event)}>
      <h3>New schedule</h3>
      <label>
        Prompt
        <textarea rows={3} dir="auto" value={content} required onChange={(event) => setContent(event.target.value)} />
      </label>
      <div className="schedule-when">
        <label>
          When
          <select value={repeat} onChange={(event) => setRepeat(event.target.value as Repeat)}>
            {Object.entries(repeats).map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
        {repeat === 'weekly' && (
          <label>
            Day
            <select value={weekday} onChange={(event) => setWeekday(Number(event.target.value))}>
              {weekdays.map((day, number) => (
                <option key={day} value={number}>
                  {day}
                </option>
              ))}
            </select>
          </label>
        )}
        {repeat === 'once' ? (
          <label>
            Date and time
            <input type="datetime-local" value={at} required onChange={(event) => setAt(event.target.value)} />
          </label>
        ) : repeat === 'pattern' ? (
          <label>
            Pattern
            <input
              value={cron}
              required
              spellCheck={false}
              autoComplete="off"
              aria-describedby={patternHint}
              onChange={(event) => setCron(event.target.value)}
            />
          </label>
        ) : (
          <label>
            Time
            <input type="time" value={time} required onChange={(event) => setTime(event.target.value)} />
          </label>
        )}
        {repeat !== 'once' && (
          <label>
            Time zone
            <input
              value={timeZone}
              required
              spellCheck={false}
              autoComplete="off"
              onChange={(event) => setTimeZone(event.target.value)}
            />
          </label>
        )}
      </div>
      {repeat === 'pattern' && (
        <p className="quiet" id={patternHint}>
          {cronWords(cron) ?? 'Minute, hour, day of the month, month, day of the week.'}
        </p>
      )}
      <label className="check">
        <input type="checkbox" checked={runsMissed} onChange={(event) => setRunsMissed(event.target.checked)} />
        If no server runs at the time, send it as soon as one does
      </label>
      <Problem text={problem} />
      <div className="actions">
        <button className="primary" disabled={isBusy || content.trim() === ''}>
          Schedule
        </button>
      </div>
    </form>
  );
}
