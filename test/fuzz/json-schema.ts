/** Values that a schema accepts, mostly, and values that are wrong in one place. */
import fc, { type Arbitrary } from 'fast-check';
import { z } from 'zod';

type Json = unknown;
interface Schema {
  type?: string;
  const?: Json;
  enum?: Json[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  $ref?: string;
  $defs?: Record<string, Schema>;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  format?: string;
}

const hostileTexts = [
  '',
  '__proto__',
  'constructor',
  '\u0000',
  '\ud800',
  '-rf',
  '../../etc',
  '\u001b[6n',
  '\u202e',
  '9'.repeat(400),
  'a'.repeat(5_000),
  '11111111-1111-4111-8111-111111111111',
  '2026-02-30T25:61:00Z',
];
/** Names that reach prototypes are made with `JSON.parse`, as in a request. */
const hostile: Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(null, true, -0, -1, 1e308, 2 ** 53, 0.1, [], {}, ...hostileTexts),
  fc
    .constantFrom('{"__proto__":{"polluted":1}}', '{"constructor":{"prototype":{"polluted":1}}}')
    .map((text) => JSON.parse(text) as Json),
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary', maxLength: 50 }),
);

export function bodiesOf(schema: z.ZodType): Arbitrary<Json> {
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema;
  return fc.oneof(
    { weight: 3, arbitrary: valuesOf(root, root, 0) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(valuesOf(root, root, 0), hostile, fc.nat())
        .map(([value, wrong, at]) => spoil(value, wrong, at)),
    },
    { weight: 1, arbitrary: hostile },
  );
}

export const anything = hostile;

function valuesOf(schema: Schema, root: Schema, depth: number): Arbitrary<Json> {
  if (depth > 6) return fc.constant(null);
  const inner = (each: Schema): Arbitrary<Json> => valuesOf(each, root, depth + 1);
  if (schema.$ref !== undefined) return inner(root.$defs?.[schema.$ref.split('/').at(-1)!] ?? {});
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return fc.oneof(...either.map(inner));
  switch (schema.type) {
    case 'object': {
      const fields = Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, each]) => [name, inner(each)]),
      );
      return fc.record(fields, { requiredKeys: schema.required?.filter((name) => name in fields) ?? [] });
    }
    case 'array':
      return fc.array(inner(schema.items ?? {}), { maxLength: 4 });
    case 'string':
      if (schema.format === 'uuid') return fc.uuid({ version: 4 });
      if (schema.format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toJSON());
      return fc.oneof(fc.string({ maxLength: 30 }), fc.constantFrom(...hostileTexts, '/tmp', 'main', '* * * * *'));
    case 'integer':
      return fc.oneof(fc.nat(100), fc.maxSafeInteger());
    case 'number':
      return fc.double();
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

/** The value with one part replaced, removed or added. */
function spoil(value: Json, wrong: Json, at: number): Json {
  if (typeof value !== 'object' || value === null) return wrong;
  const keys = Object.keys(value);
  if (keys.length === 0 || at % 7 === 0)
    return Array.isArray(value) ? [...(value as Json[]), wrong] : { ...value, extra: wrong };
  const key = keys[at % keys.length]!;
  const copy = structuredClone(value) as Record<string, Json>;
  copy[key] = at % 3 === 0 ? spoil(copy[key], wrong, Math.floor(at / 3)) : wrong;
  return copy;
}
