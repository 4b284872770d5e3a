import type { Sql } from './database.ts';

/**
 * The rows of a table in COPY's text format, in pieces. Nothing else may use the connection meanwhile.
 *
 * The driver pauses the connection whenever its stream is full, and resumes it only when the stream asks for more. A stream
 * that got its end together with what filled it asks for nothing more, so the connection would stay paused forever.
 */
export async function* readCopy(
  sql: Sql,
  table: string,
  columns: readonly string[],
): AsyncGenerator<Buffer, void, undefined> {
  const stream = await sql`copy boocode.${sql(table)} (${sql(columns)}) to stdout`.readable();
  yield* stream as AsyncIterable<Buffer>;
  stream._read(0);
}
