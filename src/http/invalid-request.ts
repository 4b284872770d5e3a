import type { z } from 'zod';
import { fieldName, readWith } from '../lib/schema-problems.ts';
import { BooError } from '../protocol/error.ts';

/** Validates input against its schema. Throws `invalid_request` that names the first wrong field. */
export function parseInput<S extends z.ZodType>(schema: S, value: unknown, whole: string): z.output<S> {
  const read = readWith(schema, value);
  if ('value' in read) return read.value;
  const [{ path, message }] = read.problems;
  return invalid(fieldName(path, whole), message);
}

/** Throws `invalid_request`: the field, and what it must be. */
export function invalid(field: string, message: string): never {
  throw new BooError('invalid_request', `${field}: ${message}`, { details: { field } });
}
