import { BooError } from '../../protocol/error.ts';
import type { ChangeRefusal } from '../../protocol/changes.ts';

/** Nothing was staged, discarded or committed, for a reason that clients are told. */
export function refused(reason: ChangeRefusal, message: string, details: Record<string, unknown> = {}): BooError {
  return new BooError('change_refused', message, { details: { reason, ...details } });
}
