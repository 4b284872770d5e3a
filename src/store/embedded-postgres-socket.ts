import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PostgresUser } from './embedded-postgres-user.ts';

// The shortest limit among our systems is macOS's 104 bytes with the ending NUL.
const maxSocketPathBytes = 100;

/** A fresh private directory for the socket: in `home`, or, where that would be too long a path, a temporary one. */
export function openSocketDirectory(home: string, user: PostgresUser): { directory: string; close(): void } {
  let directory = join(home, 'socket');
  rmSync(directory, { recursive: true, force: true });
  if (Buffer.byteLength(socketPath(directory)) > maxSocketPathBytes) {
    directory = mkdtempSync(join(tmpdir(), 'boocode-'));
  } else {
    mkdirSync(directory, { mode: 0o700 });
  }
  symlinkSync('.', join(directory, comma));
  if (user.uid !== null) chownSync(directory, user.uid, user.uid);
  return { directory, close: () => rmSync(directory, { recursive: true, force: true }) };
}

/**
 * The URL under which the driver finds the socket. It takes a host for a directory only when it comes from a list of
 * several, which it knows by the comma, and never splits it for the path: hence the link named `,` to the directory itself.
 */
export function socketUrl(to: { user: string; password: string; directory: string }): string {
  return `postgres://${to.user}:${to.password}@${encodeURIComponent(join(to.directory, comma))}/postgres`;
}

/** The path the driver will open. */
function socketPath(directory: string): string {
  return join(directory, comma, '.s.PGSQL.5432');
}

const comma = ',';

export function hasSocket(directory: string): boolean {
  return existsSync(join(directory, '.s.PGSQL.5432'));
}
