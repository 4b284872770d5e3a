import { BooError } from '../protocol/error.ts';

/** The schema of the server's tables, and of the session store's by default. */
export const defaultSchema = 'boocode';

/** The name, if it needs no quotes in any statement. Throws `config_invalid` otherwise. */
export function checkSchema(name: string): string {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(name) && !name.startsWith('pg_')) return name;
  throw new BooError(
    'config_invalid',
    `schema: must be up to 63 lowercase letters, digits and underscores, not starting with a digit or pg_ (it is ${JSON.stringify(name)}).`,
  );
}
