/** The array types our statements pass as parameters, so that the driver need not query the server for them. */
import type { PostgresType } from 'postgres';

/** Their OIDs in Postgres, the same in every database. */
const oids = { textArray: 1009, bigintArray: 1016, uuidArray: 2951 };

/** One dimension, in Postgres's format: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
export function arrayLiteral(items: readonly (string | number | null)[]): string {
  const written = items.map((item) => (item === null ? 'null' : `"${String(item).replace(/["\\]/g, '\\$&')}"`));
  return `{${written.join(',')}}`;
}

function read(text: string): never {
  throw new TypeError(`Arrays are passed, never read: select ${text.slice(0, 40)} as json.`);
}

export const arrayTypes: Record<string, PostgresType> = Object.fromEntries(
  Object.entries(oids).map(([name, oid]) => [name, { to: oid, from: [oid], serialize: arrayLiteral, parse: read }]),
);
