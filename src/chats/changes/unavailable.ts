import { BooError } from '../../protocol/error.ts';
import type { ChangesProblem } from '../../protocol/changes.ts';

/** Changes cannot be told, for a reason that clients are told. */
export function unavailable(reason: ChangesProblem, message: string, cause?: unknown): BooError {
  return new BooError('changes_unavailable', message, { cause, details: { reason } });
}
