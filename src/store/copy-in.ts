import type { Sql } from './database.ts';

export interface CopyIn {
  /** Rows in COPY's text format, cut anywhere. Rejects with the database's reason, at the latest at the end. */
  write(rows: Buffer): Promise<void>;
  /** Resolves once the rows are in the table. */
  end(): Promise<void>;
}

/**
 * Fills a table. The driver's own stream never ends if the database refuses the rows after the last one has been sent, as
 * it does for a missing foreign key: the driver hands that error to the query, which has been settled by then. So the
 * query's `reject` is replaced. Nothing else may use the connection meanwhile.
 */
export async function openCopy(sql: Sql, table: string, columns: readonly string[]): Promise<CopyIn> {
  const query = sql`copy boocode.${sql(table)} (${sql(columns)}) from stdin`;
  const stream = await query.writable();
  const failed = new Promise<never>((_, reject) => {
    stream.on('error', reject);
    void Object.assign(query, { reject });
  });
  failed.catch(() => undefined);
  const done = (start: (callback: (error?: Error | null) => void) => void): Promise<void> =>
    Promise.race([
      failed,
      new Promise<void>((resolve, reject) => start((error) => (error ? reject(error) : resolve()))),
    ]);
  return {
    write: (rows) => done((callback) => stream.write(rows, callback)),
    end: () => done((callback) => stream.end(callback)),
  };
}
