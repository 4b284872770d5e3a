/** Schemas of path, query and header parameters that several routes use. */
import { z } from 'zod';
import { type LogCursor, markedCursor, seqOf } from '../protocol/log-cursor.ts';
import { promptId } from '../protocol/prompt.ts';

// The canonical form of a whole number.
const canonicalNumber = /^(0|[1-9]\d{0,15})$/;
const anySeq = 'must be a whole number from 0 to 2^53 - 1';

const isWithin = (text: string, minimum: number, maximum: number): boolean =>
  canonicalNumber.test(text) && Number(text) >= minimum && Number(text) <= maximum;

/** A number that arrives as text. `override` is what the OpenAPI document shows. */
export const wholeNumber = (minimum: number, maximum: number, message: string) =>
  z
    .string()
    .refine((text) => isWithin(text, minimum, maximum), message)
    .transform(Number)
    .meta({ override: { type: 'integer', minimum, maximum } });

/** A position in a chat's log: a bare seq, or what the server gave as a cursor. */
export const logCursor = z
  .string()
  .refine(
    (text) =>
      isWithin(text, 0, Number.MAX_SAFE_INTEGER) || (markedCursor.test(text) && Number.isSafeInteger(seqOf(text))),
    'must be a cursor, or a whole number from 0 to 2^53 - 1',
  )
  .transform((text): LogCursor => (markedCursor.test(text) ? text : Number(text)))
  .meta({ override: { type: 'string', pattern: '^(0|[1-9]\\d{0,15})(-[0-9a-z]{1,64})?$' } });

/** The previous page's `next`, opaque to clients. */
export const pageCursor = z.string().refine((text) => isWithin(text, 0, Number.MAX_SAFE_INTEGER), anySeq);

export const pageLimit = (maximum: number, usual: number) =>
  wholeNumber(1, maximum, `must be a whole number from 1 to ${maximum}`)
    .prefault(String(usual))
    .meta({ override: { type: 'integer', minimum: 1, maximum, default: usual } });

// Upper and lower case mean the same id, so it is normalized.
export const uuid = z.uuid('must be a UUID').toLowerCase();

export const chatPath = z.strictObject({ chatId: uuid });
export const promptPath = z.strictObject({ chatId: uuid, promptId });
export const schedulePath = z.strictObject({ chatId: uuid, scheduleId: uuid });
export const decisionPath = z.strictObject({ decisionId: uuid });

/** A client's name for itself, as other people will read it: a label next to the user's name, never the name itself. */
export const clientName = z
  .string()
  .regex(/^[\x20-\x7e]{1,64}$/, 'must be 1 to 64 printable ASCII characters')
  .default('api');
export const clientHeaderName = 'boocode-client';
export const clientHeader = z.object({ [clientHeaderName]: clientName });
