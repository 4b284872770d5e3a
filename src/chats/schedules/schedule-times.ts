/**
 * When a schedule is due. Cron patterns are in local time: across a change of the clocks 09:00 stays 09:00, a time that does
 * not exist on that day is the first moment after the gap, and one that exists twice is the first of the two.
 */
import { Cron } from 'croner';
import { BooError } from '../../protocol/error.ts';

/** What is given later than this was missed. */
export const missedAfterMs = 60_000;

export interface Recurrence {
  cron: string;
  timeZone: string;
  /** How much later than the pattern says. */
  laterMs?: number;
  /** The last time at which it may be due. */
  until?: Date | null;
}

/** The first time after this one; null if there is none. */
export function nextTime({ cron, timeZone, laterMs = 0, until = null }: Recurrence, after: Date): Date | null {
  const pattern = new Cron(cron, { mode: '5-part', paused: true, timezone: timeZone });
  const found = pattern.nextRun(new Date(after.getTime() - laterMs));
  const at = found && new Date(found.getTime() + laterMs);
  return at && until && at > until ? null : at;
}

/** Throws `invalid_request`, which names the field. */
export function assertTimeZone(timeZone: string): void {
  try {
    if (/^[A-Za-z]/.test(timeZone) && new Intl.DateTimeFormat('en', { timeZone })) return;
  } catch {
    // Said below.
  }
  throw invalid('timeZone', `${JSON.stringify(timeZone)} is not a time zone: give a name such as Europe/Berlin or UTC`);
}

/** The first time after this one. Throws `invalid_request`. */
export function firstTime(recurrence: Recurrence, after: Date): Date {
  const { cron } = recurrence;
  const shown = JSON.stringify(cron);
  if (cron.trim().split(/\s+/).length !== 5) {
    const fields = 'minute, hour, day of the month, month, day of the week';
    throw invalid('cron', `${shown} does not have the five fields ${fields}`);
  }
  let next: Date | null;
  try {
    next = nextTime(recurrence, after);
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^Cron\w+: /, '') : String(error);
    throw invalid('cron', `${shown} is not a cron pattern: ${why}`);
  }
  if (!next) throw invalid('cron', `${shown} is never due: there is no such day`);
  return next;
}

export const invalid = (field: string, message: string): BooError =>
  new BooError('invalid_request', `${field}: ${message}`, { details: { field } });

/** A schedule that is due, with what decides about it. */
export interface Due {
  at: Date | null;
  recurrence: Recurrence | null;
  missed: 'run' | 'skip';
  nextAt: Date;
  /** When the turn of its last prompt began. */
  takenAt: Date | null;
  now: Date;
}

export interface Verdict {
  /** `waiting`: its last prompt, which waited beyond that time, stands for it. */
  is: 'given' | 'missed' | 'waiting';
  /** Null: it is over. */
  nextAt: Date | null;
}

/** What becomes of a schedule that is due: its prompt is given once, or not at all. */
export function judge({ recurrence, missed, nextAt, takenAt, now }: Due): Verdict {
  const following = recurrence && nextTime(recurrence, now);
  const lateMs = now.getTime() - nextAt.getTime();
  if (takenAt && nextAt <= takenAt) {
    // Times since then count by themselves.
    return { is: 'waiting', nextAt: recurrence && nextTime(recurrence, takenAt) };
  }
  return { is: lateMs > missedAfterMs && missed === 'skip' ? 'missed' : 'given', nextAt: following };
}
