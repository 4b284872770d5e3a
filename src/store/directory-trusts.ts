import type { Sql } from './database.ts';

export interface TrustedFile {
  path: string;
  sha256: string;
  /** Null if it is not text, or too long. */
  text: string | null;
}

export interface TrustRow {
  path: string;
  digest: string;
  files: TrustedFile[];
  trustedAt: Date;
}

/** Safe to repeat. */
export async function insertTrust(db: Sql, { path, digest, files }: Omit<TrustRow, 'trustedAt'>): Promise<void> {
  await db`
    insert into boocode.directory_trusts (path, digest, files) values (${path}, ${digest}, ${JSON.stringify(files)}::text::json)
    on conflict (path, digest) do update set trusted_at = clock_timestamp()`;
}

/** This content of the directory if it is trusted, otherwise the content last trusted. */
export async function findTrust(db: Sql, { path, digest }: { path: string; digest: string }): Promise<TrustRow | null> {
  const [row] = await db<(Omit<TrustRow, 'files'> & { files: string })[]>`
    select path, digest, files, trusted_at as "trustedAt" from boocode.directory_trusts where path = ${path}
    order by (digest = ${digest}) desc, trusted_at desc limit 1`;
  return row ? { ...row, files: JSON.parse(row.files) as TrustedFile[] } : null;
}
