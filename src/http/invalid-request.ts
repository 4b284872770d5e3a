import type { z } from 'zod';
import { BooError } from '../protocol/error.ts';

type Issue = z.core.$ZodIssue;

const typeWords: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
};

const amount = (origin: string, bound: number | bigint): string =>
  origin === 'string' ? `${bound} characters long` : origin === 'array' ? `${bound} entries long` : String(bound);

/** Our words for what a schema finds wrong; a schema's own message goes first. */
const sentenceOf: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is required' : `must be ${typeWords[issue.expected] ?? issue.expected}`;
    case 'too_small':
      if (issue.origin !== 'number' && issue.minimum === 1) return 'must not be empty';
      return `must be at least ${amount(issue.origin, issue.minimum)}`;
    case 'too_big':
      return `must be at most ${amount(issue.origin, issue.maximum)}`;
    case 'invalid_value':
      return issue.input === undefined ? 'is required' : `must be one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_format':
      return `must be valid ${issue.format}`;
    case 'unrecognized_keys':
      return 'is not known here';
    default:
      return 'is not valid';
  }
};

/** A union fails in every arm: the arm that got furthest says what the sender most likely meant. */
function closest(issue: Issue): Issue {
  if (issue.code !== 'invalid_union') return issue;
  const arms = issue.errors.map((arm) => arm[0]).filter((first) => first !== undefined);
  const meant = arms.find((first) => first.path.length > 0 || first.code !== 'invalid_type');
  if (meant) return closest({ ...meant, path: [...issue.path, ...meant.path] });
  return arms.length === 0 ? issue : { ...issue, message: arms.map((first) => first.message).join(', or ') };
}

// A name that the sender chose goes back to them, but not at any length.
const short = (name: string): string => (name.length > 100 ? `${name.slice(0, 100)}…` : name);

function fieldOf(issue: Issue, whole: string): string {
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path;
  const name = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${short(String(part))}`)).join('');
  return name === '' ? whole : name.replace(/^\./, '');
}

/** Checks what came in against its schema. Throws `invalid_request` naming the first wrong field. */
export function parseInput<S extends z.ZodType>(schema: S, value: unknown, whole: string): z.output<S> {
  const result = schema.safeParse(value, { error: sentenceOf });
  if (result.success) return result.data;
  const [first] = result.error.issues;
  if (!first) return invalid(whole, 'is not valid');
  const issue = closest(first);
  return invalid(fieldOf(issue, whole), issue.message);
}

/** Throws `invalid_request`: the field, then what it must be. */
export function invalid(field: string, message: string): never {
  throw new BooError('invalid_request', `${field}: ${message}`, { details: { field } });
}
