import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { openDatabase } from '../../src/store/database.ts';
import { openEmbeddedPostgres } from '../../src/store/embedded-postgres/embedded-postgres.ts';
import { migrate } from '../../src/store/migrate.ts';
import { templateName, withDatabase } from './database-name.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The run's own Postgres; the URL names its administrative database. */
    postgresUrl: string;
  }
}

/** One Postgres for the whole run, with a migrated template that tests clone. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'boocode-test-'));
  let close = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  try {
    const server = await openEmbeddedPostgres({ dataDir });
    close = async () => {
      await server.close();
      await rm(dataDir, { recursive: true, force: true });
    };
    await createTemplate(server.url);
    project.provide('postgresUrl', server.url);
    return close;
  } catch (error) {
    await close();
    throw error;
  }
}

async function createTemplate(url: string): Promise<void> {
  const admin = openDatabase(url, { max: 1 });
  try {
    await admin.unsafe(`create database ${templateName}`);
    const template = openDatabase(withDatabase(url, templateName), { max: 1 });
    try {
      await migrate(template);
    } finally {
      await template.end();
    }
    // A database with connections cannot be cloned.
    await admin.unsafe(`alter database ${templateName} is_template true allow_connections false`);
  } finally {
    await admin.end();
  }
}
