/** Schema errors in our own words: a field by its path, and what it must be. */
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

export interface SchemaProblem {
  path: readonly PropertyKey[];
  message: string;
}

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

const choice = (values: readonly unknown[]): string =>
  values.length === 1 ? `must be ${String(values[0])}` : `must be one of ${values.map(String).join(', ')}`;

/** Our text for a schema error; a schema's own message takes precedence. */
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
      return issue.input === undefined ? 'is required' : choice(issue.values);
    case 'invalid_union': {
      // A discriminated union: the allowed values of its discriminator.
      const { options } = issue as { options?: unknown };
      return Array.isArray(options) ? choice(options) : 'is not valid';
    }
    case 'invalid_format':
      return `must be valid ${issue.format}`;
    case 'unrecognized_keys':
      return 'is not known here';
    default:
      return 'is not valid';
  }
};

/** A union fails in every branch: the branch that got furthest is probably what the sender meant. */
function closest(issue: Issue): Issue {
  if (issue.code !== 'invalid_union') return issue;
  const arms = issue.errors.map((arm) => arm[0]).filter((first) => first !== undefined);
  const meant = arms.find((first) => first.path.length > 0 || first.code !== 'invalid_type');
  if (meant) return closest({ ...meant, path: [...issue.path, ...meant.path] });
  return arms.length === 0
    ? issue
    : { ...issue, message: [...new Set(arms.map((first) => first.message))].join(', or ') };
}

function problemsOf(found: Issue): SchemaProblem[] {
  const issue = closest(found);
  const { path, message } = issue;
  if (issue.code !== 'unrecognized_keys') return [{ path, message }];
  return issue.keys.map((key) => ({ path: [...path, key], message }));
}

/** The value as the schema parses it, or everything that is wrong with it. */
export function readWith<S extends z.ZodType>(
  schema: S,
  value: unknown,
): { value: z.output<S> } | { problems: [SchemaProblem, ...SchemaProblem[]] } {
  const result = schema.safeParse(value, { error: sentenceOf });
  if (result.success) return { value: result.data };
  const [first = { path: [], message: 'is not valid' }, ...more] = result.error.issues.flatMap(problemsOf);
  return { problems: [first, ...more] };
}

// A name chosen by the sender is echoed back, but truncated.
const short = (name: string): string => (name.length > 100 ? `${name.slice(0, 100)}…` : name);

/** A path in readable form. */
export function fieldName(path: readonly PropertyKey[], whole: string): string {
  const name = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${short(String(part))}`)).join('');
  return name === '' ? whole : name.replace(/^\./, '');
}
