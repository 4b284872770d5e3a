/** What the program says about the account's plan with each answer of the API: only to accounts that have one. */
import type { HeardWindow } from '../../../protocol/plan-usage.ts';
import { isoTime } from './iso-time.ts';
import { asRecord, asText } from './loose-json.ts';

const statuses: Readonly<Record<string, HeardWindow['status']>> = {
  allowed: 'ok',
  allowed_warning: 'near',
  rejected: 'reached',
};

/** Of a `rate_limit_event`; empty for any other frame. */
export function planWindows(frame: object): HeardWindow[] {
  const { type, rate_limit_info } = frame as Readonly<Record<string, unknown>>;
  if (type !== 'rate_limit_event') return [];
  const info = asRecord(rate_limit_info);
  const found = new Map<string, HeardWindow>();
  const add = (name: string | undefined, told: Readonly<Record<string, unknown>>): void => {
    const status = statuses[asText(told['status']) ?? ''];
    if (name === undefined || status === undefined) return;
    const used = told['utilization'];
    const isPart = typeof used === 'number' && used >= 0 && used < 10;
    found.set(name, { name, status, used: isPart ? used : null, resetsAt: isoTime(told['resetsAt']) ?? null });
  };
  add(asText(info['rateLimitType']), info);
  // Not in the SDK's types; both windows, whichever is nearer.
  for (const [name, told] of Object.entries(asRecord(info['unifiedWindows']))) add(name, asRecord(told));
  return [...found.values()];
}
