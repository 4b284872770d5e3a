import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { describe, expect, test } from 'vitest';
import { type Form, type FormField, formOf } from './form.ts';
import { asksForSecret, checkFormValues, formDefaults, typedNumber } from './form-values.ts';

function fieldsOf(properties: Record<string, unknown>, required: string[] = []): FormField[] | undefined {
  const requestedSchema = { type: 'object', properties, required };
  const form = formOf({ kind: 'form', input: { serverName: 's', mode: 'form', message: 'm', requestedSchema } });
  return (form as Extract<Form, { mode: 'form' }>).fields;
}

const titled = [
  { const: 'a', title: 'First' },
  { const: 'b', title: 'Second' },
];

// Every kind of field in the protocol, with valid and invalid values.
const cases: [string, Record<string, unknown>, unknown[], unknown[]][] = [
  ['text', { type: 'string' }, ['', 'x', '\u0000 \ud800'], [1, null, true, ['x'], {}]],
  ['text of a length', { type: 'string', minLength: 2, maxLength: 3 }, ['ab', '🚲🚲🚲'], ['a', '🚲', 'abcd']],
  [
    'email',
    { type: 'string', format: 'email' },
    ['a@b.example', 'a.b+c@d.example'],
    ['', 'a', 'a@', 'a@b c', '@b.example'],
  ],
  [
    'uri',
    { type: 'string', format: 'uri' },
    ['https://a.example/b?c#d', 'mailto:a@b.example'],
    ['', 'a.example', 'https://a b'],
  ],
  [
    'date',
    { type: 'string', format: 'date' },
    ['2026-02-28', '2024-02-29'],
    ['2026-02-29', '2026-2-1', '28.2.2026', '2026-13-01'],
  ],
  [
    'date-time',
    { type: 'string', format: 'date-time' },
    ['2026-01-31T09:30:00Z', '2026-01-31T09:30:00.5+01:00'],
    ['2026-01-31', '2026-01-31T25:00:00Z', '2026-01-31T09:30:00', 'T09:30:00Z'],
  ],
  ['number', { type: 'number', minimum: -1, maximum: 2.5 }, [0, -1, 2.5], [-1.1, 2.6, '1', Number.NaN, null]],
  ['whole number', { type: 'integer', minimum: 1 }, [1, 2e3], [0, 1.5, '1', true]],
  ['boolean', { type: 'boolean' }, [true, false], ['true', 0, null]],
  ['choice', { type: 'string', enum: ['a', 'b'], enumNames: ['First', 'Second'] }, ['a', 'b'], ['First', '', 0, ['a']]],
  ['titled choice', { type: 'string', oneOf: titled }, ['a', 'b'], ['First', 'c']],
  ['choices', { type: 'array', items: { type: 'string', enum: ['a', 'b'] } }, [[], ['b', 'a']], ['a', ['c'], [1]]],
  [
    'titled choices',
    { type: 'array', items: { anyOf: titled }, minItems: 1, maxItems: 1 },
    [['a']],
    [[], ['a', 'b'], ['First']],
  ],
];

describe('DECIDE-8: valid and invalid values of a field', () => {
  const ofServers = new AjvJsonSchemaValidator();
  test.each(cases)('%s', (_, property, right, wrong) => {
    const fields = fieldsOf({ field: property })!;
    // This is how servers validate: what passes here must not fail there.
    const validate = ofServers.getValidator({ type: 'object', properties: { field: property } });
    for (const field of right) {
      expect([field, checkFormValues(fields, { field }), validate({ field }).valid]).toEqual([field, [], true]);
    }
    for (const field of wrong) {
      const [found] = checkFormValues(fields, { field });
      expect([field, found]).toEqual([field, { field: 'field', problem: expect.stringMatching(/^must /) as string }]);
    }
  });

  test('missing values, unknown fields, and names that every object has', () => {
    const fields = fieldsOf({ toString: { type: 'string' }, b: { type: 'boolean' } }, ['toString'])!;
    expect(checkFormValues(fields, {})).toEqual([{ field: 'toString', problem: 'is required' }]);
    expect(checkFormValues(fields, { toString: 'x', b: undefined })).toEqual([]);
    expect(checkFormValues(fields, { toString: 'x', c: 1 })).toEqual([{ field: 'c', problem: 'was not asked for' }]);
    const proto = JSON.parse('{"toString": "x", "__proto__": {"b": 1}}') as Record<string, unknown>;
    expect(checkFormValues(fields, proto)).toEqual([{ field: '__proto__', problem: 'was not asked for' }]);
  });

  test('a choice may not be given twice', () => {
    const fields = fieldsOf({ a: { type: 'array', items: { type: 'string', enum: ['x', 'y'] } } })!;
    expect(checkFormValues(fields, { a: ['x', 'x'] })[0]!.problem).toBe('must not contain a choice twice');
  });

  test('a pattern is shown but never run', () => {
    const [field] = fieldsOf({ a: { type: 'string', pattern: '^(a+)+$' } })!;
    expect(field).toMatchObject({ pattern: '^(a+)+$' });
    expect(checkFormValues([field!], { a: `${'a'.repeat(50)}!` })).toEqual([]);
  });

  test('only valid defaults are used', () => {
    const fields = fieldsOf({
      a: { type: 'integer', default: 3 },
      b: { type: 'integer', maximum: 2, default: 3 },
      c: { type: 'array', items: { anyOf: titled }, default: ['b'] },
      d: { type: 'boolean', default: 'yes' },
      e: { type: 'boolean', default: false },
    })!;
    expect(formDefaults(fields)).toEqual({ a: 3, c: ['b'], e: false });
  });
});

describe('the shape of a form', () => {
  test('fields keep their order and the server’s titles', () => {
    expect(
      fieldsOf({ z: { type: 'boolean', title: 'Zed', description: 'D' }, a: { type: 'string', oneOf: titled } }, ['a']),
    ).toEqual([
      { name: 'z', title: 'Zed', description: 'D', isRequired: false, type: 'boolean', default: undefined },
      {
        name: 'a',
        title: 'a',
        description: '',
        isRequired: true,
        type: 'choice',
        options: [
          { value: 'a', title: 'First' },
          { value: 'b', title: 'Second' },
        ],
        default: undefined,
      },
    ]);
  });

  test.each([
    ['a nested object', { a: { type: 'object', properties: {} } }, []],
    ['a list of anything', { a: { type: 'array', items: { type: 'string' } } }, []],
    ['an enum of no texts', { a: { type: 'string', enum: [1, 2] } }, []],
    ['no type', { a: {} }, []],
    ['a field that is no object', { a: true }, []],
    ['something required that has no field', {}, ['a']],
  ])('%s cannot be filled in', (_, properties, required) => {
    expect(fieldsOf(properties, required)).toBeUndefined();
  });

  test('a page', () => {
    const input = { serverName: 's', mode: 'url', message: 'm', url: 'https://a.example', elicitationId: '1' };
    expect(formOf({ kind: 'form', input })).toEqual({
      mode: 'url',
      serverName: 's',
      message: 'm',
      url: 'https://a.example',
    });
    expect(formOf({ kind: 'permission', input })).toBeUndefined();
  });
});

test('DECIDE-8: a field for a password or key is recognized by its name, title or description', () => {
  const field = (name: string, title = name, description = ''): FormField => ({
    name,
    title,
    description,
    isRequired: false,
    type: 'text',
  });
  const secret = ['password', 'apiKey', 'api_key', 'accessToken', 'PIN', 'secret', 'pass phrase', 'cvv', 'cardNumber'];
  expect(secret.filter((name) => !asksForSecret(field(name)))).toEqual([]);
  expect(asksForSecret(field('a', 'Your Password'))).toBe(true);
  expect(asksForSecret(field('a', 'A', 'the one-time code from your phone'))).toBe(true);
  const plain = ['email', 'passenger', 'shipping', 'keyboard', 'opinion', 'seats'];
  expect(plain.filter((name) => asksForSecret(field(name)))).toEqual([]);
});

test('numbers are read as people type them', () => {
  expect(['1', ' -2.5 ', '1e3', '.5'].map(typedNumber)).toEqual([1, -2.5, 1000, 0.5]);
  expect(['', '1,5', '0x10', 'Infinity', '1 2', 'one'].map(typedNumber)).toEqual(Array(6).fill(undefined));
});
