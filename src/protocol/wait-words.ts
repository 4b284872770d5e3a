/** What a chat is waiting for, in words: for the page and the command line alike. */
import type { WaitsFor } from './chat.ts';

export interface WaitWords {
  text: string;
  /** Text of the agent or a tool, shown as such after the text; null if there is none. */
  what: string | null;
}

/** A span as people say it: `40 s`, `4 min 5 s`, `2 h 10 min`. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function waitWords(waits: WaitsFor, nowMs: number): WaitWords {
  const { what } = waits;
  const span = spanText(nowMs - Date.parse(waits.since));
  if (waits.retry) return { text: retryWords(waits.retry, nowMs), what: null };
  switch (waits.for) {
    case 'model':
      return { text: `Waiting for the model for ${span}`, what };
    case 'rate_limit':
      return { text: `Waiting for the rate limit for ${span}`, what };
    case 'tool':
      return { text: `A tool has been running for ${span}`, what };
    case 'person':
      return { text: `Waiting for someone for ${span}`, what };
    case 'sign_in':
      return { text: `Waiting for a sign-in for ${span}`, what };
    case 'background':
      return { text: `In the background for ${span}`, what };
    case 'start':
      return { text: `Waiting to start for ${span}`, what };
    case 'memory':
      return { text: `Waiting for memory for ${span}`, what };
    default:
      // A kind known to a newer server.
      return { text: `Waiting for ${span}`, what };
  }
}

function retryWords({ attempt, maxAttempts, at, reason }: NonNullable<WaitsFor['retry']>, nowMs: number): string {
  const which = attempt === null ? '' : `: attempt ${attempt}${maxAttempts === null ? '' : ` of ${maxAttempts}`}`;
  const waitMs = at === null ? 0 : Date.parse(at) - nowMs;
  const when = waitMs > 0 ? `next in ${spanText(waitMs + 999)}` : 'in progress';
  return `Retrying${which}, ${when}, because the model API failed (${reason})`;
}

/** For a list: `model 40 s`, `memory no. 3, 40 s`. */
export function shortWait(waits: WaitsFor, nowMs: number): string {
  const place = waits.place === undefined ? '' : ` no. ${waits.place},`;
  return `${waits.for.replace('_', ' ')}${place} ${spanText(nowMs - Date.parse(waits.since))}`;
}
