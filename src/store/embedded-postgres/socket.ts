import { chownSync, lstatSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { PostgresUser } from './user.ts';

// The shortest limit among our systems is macOS's 104 bytes, including the terminating NUL.
const maxSocketPathBytes = 103;
const temporaryPrefix = 'boocode-socket-';
const comma = ',';

/**
 * A fresh private directory for the socket: `socket` in `home`, or, if that path would be too long, a temporary
 * directory that `socket` links to, so that the next start can remove what a killed host left.
 */
export function openSocketDirectory(home: string, user: PostgresUser): { directory: string; close(): void } {
  const place = join(home, 'socket');
  removeSocketDirectory(place);
  let directory = place;
  if (Buffer.byteLength(join(place, comma, '.s.PGSQL.5432')) <= maxSocketPathBytes) {
    mkdirSync(place, { mode: 0o700 });
  } else {
    directory = mkdtempSync(join(tmpdir(), temporaryPrefix));
    symlinkSync(directory, place);
  }
  symlinkSync('.', join(directory, comma));
  if (user.uid !== null) chownSync(directory, user.uid, user.uid);
  return { directory, close: () => removeSocketDirectory(place) };
}

function removeSocketDirectory(place: string): void {
  if (lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
    const target = readlinkSync(place);
    if (basename(target).startsWith(temporaryPrefix)) rmSync(target, { recursive: true, force: true });
  }
  rmSync(place, { recursive: true, force: true });
}

/**
 * A URL under which the driver finds the socket. It decodes a URL's host only in a list, which it recognizes by a
 * comma, and treats the whole as a directory if it contains a slash. Hence the link named `,` to the directory itself.
 */
export function socketUrl(to: { user: string; password: string; directory: string }): string {
  return `postgres://${to.user}:${to.password}@${encodeURIComponent(join(to.directory, comma))}/postgres`;
}
