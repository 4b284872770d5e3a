import { isUnreachable } from '../../client/client.ts';
import type { BooError } from '../../protocol/error.ts';

/** Whether the request may succeed later without anyone doing something about it. */
export function isPassing(error: BooError): boolean {
  const { status } = error.details;
  return isUnreachable(error) || (typeof status === 'number' && [408, 429, 502, 503, 504].includes(status));
}
