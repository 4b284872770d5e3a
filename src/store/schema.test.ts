import { expect, test } from 'vitest';
import { checkSchema, defaultSchema } from './schema.ts';

test.each(['boocode', '_a1', 'x'.repeat(63), 'apg_', 'a'])('the schema %s is accepted', (name) => {
  expect(checkSchema(name)).toBe(name);
});

test.each(['', 'Sessions', 'a b', '1a', 'pg_a', 'a"; drop table x; --', 'x'.repeat(64), ' a', 'a-'])(
  'a schema named %j is refused, with what a name may be',
  (name) => {
    expect(() => checkSchema(name)).toThrow(
      expect.objectContaining({
        code: 'config_invalid',
        message: `schema: must be up to 63 lowercase letters, digits and underscores, not starting with a digit or pg_ (it is ${JSON.stringify(name)}).`,
      }) as Error,
    );
  },
);

test('the server’s own schema', () => {
  expect(defaultSchema).toBe('boocode');
});
