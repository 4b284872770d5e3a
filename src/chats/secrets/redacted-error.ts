import type { Redaction } from '../../lib/redaction.ts';
import { BooError } from '../../protocol/error.ts';

/** An error whose sentence may repeat what a program has said. */
export function redactedError(error: unknown, redaction: Redaction): unknown {
  if (redaction.isEmpty || !(error instanceof BooError)) return error;
  const message = redaction.text(error.message);
  const details = redaction.deep(error.details);
  if (message === error.message && details === error.details) return error;
  return new BooError(error.code, message, { details });
}
