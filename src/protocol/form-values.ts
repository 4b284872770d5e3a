/** Whether values match what a form asks for. The server, the page and the command line share this check. */
import type { FormField } from './form.ts';

export type FormValues = Record<string, unknown>;

export interface FormProblem {
  /** The name of the field. */
  field: string;
  /** What is wrong, phrased to follow the field's name. */
  problem: string;
}

/** Everything that does not match, in field order; empty if everything does. */
export function checkFormValues(fields: readonly FormField[], values: FormValues): FormProblem[] {
  const known = new Set(fields.map(({ name }) => name));
  const found = fields.flatMap((field) => {
    const given = Object.hasOwn(values, field.name) ? values[field.name] : undefined;
    const problem = given === undefined ? (field.isRequired ? 'is required' : undefined) : checkFormValue(field, given);
    return problem === undefined ? [] : [{ field: field.name, problem }];
  });
  const more = Object.keys(values).filter((name) => !known.has(name));
  return [...found, ...more.map((field) => ({ field, problem: 'was not asked for' }))];
}

/** What is wrong with one value; undefined if it matches. */
export function checkFormValue(field: FormField, value: unknown): string | undefined {
  switch (field.type) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'must be true or false';
    case 'number':
      return checkNumber(field, value);
    case 'text':
      return checkText(field, value);
    case 'choice':
      return field.options.some((option) => option.value === value) ? undefined : `must be one of ${names(field)}`;
    case 'choices':
      return checkChoices(field, value);
  }
}

type FieldOf<T extends FormField['type']> = Extract<FormField, { type: T }>;

function checkNumber({ isWhole, minimum, maximum }: FieldOf<'number'>, value: unknown): string | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return 'must be a number';
  if (isWhole && !Number.isInteger(value)) return 'must be a whole number';
  if (minimum !== undefined && value < minimum) return `must be at least ${minimum}`;
  if (maximum !== undefined && value > maximum) return `must be at most ${maximum}`;
  return undefined;
}

function checkText({ format, minLength = 0, maxLength = Infinity }: FieldOf<'text'>, value: unknown) {
  if (typeof value !== 'string') return 'must be text';
  // Counted like JSON Schema: by characters, which may take two places in a string.
  const length = Array.from(value).length;
  if (length < minLength) return `must be at least ${minLength} characters long`;
  if (length > maxLength) return `must be at most ${maxLength} characters long`;
  return format === undefined ? undefined : checkFormat(format, value);
}

function checkChoices(field: FieldOf<'choices'>, value: unknown): string | undefined {
  if (!Array.isArray(value)) return 'must be a list';
  const { options, minItems = 0, maxItems = Infinity } = field;
  if (!value.every((each) => options.some((option) => option.value === each)))
    return `must be one or more of ${names(field)}`;
  if (new Set(value).size < value.length) return 'must not contain a choice twice';
  if (value.length < minItems) return `must have at least ${minItems} of the choices`;
  if (value.length > maxItems) return `must have at most ${maxItems} of the choices`;
  return undefined;
}

const mostNames = 20;

function names({ options }: FieldOf<'choice' | 'choices'>): string {
  const shown = options.slice(0, mostNames).map(({ value }) => value);
  return [...shown, ...(options.length > mostNames ? ['…'] : [])].join(', ');
}

const dateShape = /^(\d{4})-(\d\d)-(\d\d)$/;
const timeShape = /^([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i;

/** The formats the protocol names. The server checks any other. */
function checkFormat(format: string, value: string): string | undefined {
  switch (format) {
    case 'email':
      return /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)*$/.test(value) ? undefined : mustBe('email');
    case 'uri':
      return !/\s/.test(value) && URL.canParse(value) ? undefined : mustBe('uri');
    case 'date':
      return isDate(value) ? undefined : mustBe('date');
    case 'date-time': {
      const [date = '', time = '', ...more] = value.split(/[Tt]/);
      const isRight = more.length === 0 && isDate(date) && timeShape.test(time);
      return isRight ? undefined : mustBe('date-time');
    }
    default:
      return undefined;
  }
}

const mustBe = (format: string): string => `must be ${formatWords[format]}`;

function isDate(text: string): boolean {
  const [, year, month, day] = dateShape.exec(text) ?? [];
  if (year === undefined || month === undefined || day === undefined) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/** The number typed; undefined if it is not one. */
export function typedNumber(text: string): number | undefined {
  const typed = text.trim();
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(typed) ? Number(typed) : undefined;
}

/** A field's requirements in words, beyond what its title says; empty if there are none. */
export function fieldHint(field: FormField): string {
  switch (field.type) {
    case 'number': {
      const { isWhole, minimum, maximum } = field;
      const bounds = [
        minimum === undefined ? '' : `at least ${minimum}`,
        maximum === undefined ? '' : `at most ${maximum}`,
      ].filter(Boolean);
      return [isWhole ? 'a whole number' : 'a number', ...bounds].join(', ');
    }
    case 'text': {
      const { format, pattern, minLength, maxLength } = field;
      return [
        format === undefined ? '' : (formatWords[format] ?? `format: ${format}`),
        minLength === undefined || minLength <= 1 ? '' : `at least ${minLength} characters`,
        maxLength === undefined ? '' : `at most ${maxLength} characters`,
        pattern === undefined ? '' : `pattern: ${pattern}`,
      ]
        .filter(Boolean)
        .join(', ');
    }
    case 'choices': {
      const { minItems, maxItems } = field;
      return [
        minItems === undefined || minItems === 0 ? '' : `at least ${minItems}`,
        maxItems === undefined ? '' : `at most ${maxItems}`,
      ]
        .filter(Boolean)
        .join(', ');
    }
    default:
      return '';
  }
}

const formatWords: Record<string, string> = {
  email: 'an email address',
  uri: 'a URL with its scheme (https://…)',
  date: 'a date (YYYY-MM-DD)',
  'date-time': 'a date and a time with its zone (2026-01-31T09:30:00Z)',
};

/** The valid defaults, by field name. */
export function formDefaults(fields: readonly FormField[]): FormValues {
  return Object.fromEntries(
    fields.flatMap((field) =>
      field.default !== undefined && checkFormValue(field, field.default) === undefined
        ? [[field.name, field.default]]
        : [],
    ),
  );
}

// A server may not ask for any of these in a form, and a form may pretend to be someone else's.
const secretWords =
  /pass[\s_-]*(word|wd|phrase|code)|\bpin\b|secret|token|api[\s_-]*key|private[\s_-]*key|credential|\bcvv?\b|\b(card|account)[\s_-]*number|\botp\b|one[\s_-]*time[\s_-]*(code|password)/i;

/** The field seems to ask for a password, a key or the like. */
export function asksForSecret({ name, title, description }: FormField): boolean {
  // Words joined by capitals or underscores count too.
  const words = [name.replace(/([a-z])([A-Z])/g, '$1 $2').replaceAll('_', ' '), title, description];
  return words.some((each) => secretWords.test(each));
}
