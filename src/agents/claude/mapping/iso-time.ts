import { asAmount } from './loose-json.ts';

/** From seconds since 1970. Undefined if the time is out of range. */
export function isoTime(seconds: unknown): string | undefined {
  const time = new Date((asAmount(seconds) ?? Number.NaN) * 1000);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}
