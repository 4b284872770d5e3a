import type { Decision } from './decision.ts';

/** A choice of a field: the value sent, and the text shown. */
export interface FormOption {
  value: string;
  title: string;
}

export type FormField = {
  name: string;
  /** The server's own title; its name if there is none. */
  title: string;
  description: string;
  isRequired: boolean;
} & (
  | {
      type: 'text';
      /** `email`, `uri`, `date`, `date-time`, or another one, which only the server checks. */
      format?: string | undefined;
      /** A regular expression, shown only: the server checks it. */
      pattern?: string | undefined;
      minLength?: number | undefined;
      maxLength?: number | undefined;
      default?: string | undefined;
    }
  | {
      type: 'number';
      isWhole: boolean;
      minimum?: number | undefined;
      maximum?: number | undefined;
      default?: number | undefined;
    }
  | { type: 'boolean'; default?: boolean | undefined }
  | { type: 'choice'; options: FormOption[]; default?: string | undefined }
  | {
      type: 'choices';
      options: FormOption[];
      minItems?: number | undefined;
      maxItems?: number | undefined;
      default?: string[] | undefined;
    }
);

/** What an MCP server asks for, as contained in a decision of kind `form`. */
export type Form =
  /** `fields` is undefined if the server asks for something a form cannot represent: it can only be declined. */
  | { mode: 'form'; serverName: string; message: string; fields: FormField[] | undefined }
  /** A page of the server's own that the person should visit. */
  | { mode: 'url'; serverName: string; message: string; url: string };

/** The form in a decision's input; undefined for every other kind. */
export function formOf({ kind, input }: Pick<Decision, 'kind' | 'input'>): Form | undefined {
  if (kind !== 'form') return undefined;
  const serverName = asText(input['serverName']) ?? '';
  const message = asText(input['message']) ?? '';
  if (input['mode'] === 'url') return { mode: 'url', serverName, message, url: asText(input['url']) ?? '' };
  return { mode: 'form', serverName, message, fields: fieldsOf(input['requestedSchema']) };
}

type Loose = Readonly<Record<string, unknown>>;

/** The fields of a flat object, which is all the protocol allows; undefined for anything else. */
function fieldsOf(schema: unknown): FormField[] | undefined {
  if (!isRecord(schema) || schema['type'] !== 'object' || !isRecord(schema['properties'])) return undefined;
  const required = new Set(listOf(schema['required']));
  const properties = schema['properties'];
  if ([...required].some((name) => typeof name !== 'string' || !Object.hasOwn(properties, name))) return undefined;
  const fields = Object.entries(properties).map(([name, property]) =>
    isRecord(property) ? fieldOf(name, property, required.has(name)) : undefined,
  );
  return fields.every((field) => field !== undefined) ? fields : undefined;
}

function fieldOf(name: string, property: Loose, isRequired: boolean): FormField | undefined {
  const base = {
    name,
    title: asText(property['title']) ?? name,
    description: asText(property['description']) ?? '',
    isRequired,
  };
  const given = property['default'];
  switch (property['type']) {
    case 'boolean':
      return { ...base, type: 'boolean', default: typeof given === 'boolean' ? given : undefined };
    case 'number':
    case 'integer':
      return {
        ...base,
        type: 'number',
        isWhole: property['type'] === 'integer',
        minimum: asNumber(property['minimum']),
        maximum: asNumber(property['maximum']),
        default: asNumber(given),
      };
    case 'array': {
      const options = optionsOf(property['items'], 'anyOf');
      if (!options) return undefined;
      return {
        ...base,
        type: 'choices',
        options,
        minItems: asNumber(property['minItems']),
        maxItems: asNumber(property['maxItems']),
        default: Array.isArray(given) ? given.filter((each): each is string => typeof each === 'string') : undefined,
      };
    }
    case 'string': {
      const options = optionsOf(property, 'oneOf');
      const text = typeof given === 'string' ? given : undefined;
      if (options) return { ...base, type: 'choice', options, default: text };
      if (property['enum'] !== undefined || property['oneOf'] !== undefined) return undefined;
      return {
        ...base,
        type: 'text',
        format: asText(property['format']),
        pattern: asText(property['pattern']),
        minLength: asNumber(property['minLength']),
        maxLength: asNumber(property['maxLength']),
        default: text,
      };
    }
    default:
      return undefined;
  }
}

/** The choices, with or without titles, in every variant the protocol has or had. */
function optionsOf(schema: unknown, titled: 'oneOf' | 'anyOf'): FormOption[] | undefined {
  if (!isRecord(schema)) return undefined;
  const values = schema['enum'];
  const names = listOf(schema['enumNames']);
  const options: (FormOption | undefined)[] = Array.isArray(values)
    ? values.map((value: unknown, index) =>
        typeof value === 'string' ? { value, title: asText(names[index]) ?? value } : undefined,
      )
    : listOf(schema[titled]).map((each) => {
        const value = isRecord(each) ? each['const'] : undefined;
        return typeof value === 'string' ? { value, title: asText((each as Loose)['title']) ?? value } : undefined;
      });
  return options.length > 0 && options.every((option) => option !== undefined) ? options : undefined;
}

function isRecord(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
