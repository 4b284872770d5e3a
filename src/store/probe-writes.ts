import type { Sql } from './database.ts';

/**
 * Rejects if the database would accept no write now. Creating a table needs space, while a row might fit into an
 * existing page, and a read-only database would accept a row of a temporary table.
 */
export async function probeWrites(db: Sql, hostId: string): Promise<void> {
  try {
    await db`create temporary table boocode_probe on commit drop as select 1 as probe`;
  } catch (error) {
    // This user may not create temporary tables: a row has to do.
    if ((error as { code?: unknown }).code !== '42501') throw error;
    await db`update boocode.hosts set version = version where id = ${hostId}`;
  }
}
