import type { Sql } from './database.ts';

/**
 * Rejects where the database would take no write now. A new table is a write that needs room: a row would find some in a
 * page that is there already, and a read-only database would take a row of a temporary table.
 */
export async function probeWrites(db: Sql, hostId: string): Promise<void> {
  try {
    await db`create temporary table boocode_probe on commit drop as select 1 as probe`;
  } catch (error) {
    // No temporary tables for this user: then a row has to do.
    if ((error as { code?: unknown }).code !== '42501') throw error;
    await db`update boocode.hosts set version = version where id = ${hostId}`;
  }
}
