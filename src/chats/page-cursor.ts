import { BooError } from '../protocol/error.ts';

/** The position that a list's cursor stands for. Throws `invalid_request`. */
export function pageCursor(text: string): number {
  if (!/^\d{1,15}$/.test(text)) {
    throw new BooError('invalid_request', 'after: is not a cursor of this list', { details: { field: 'after' } });
  }
  return Number(text);
}
