/** Paths in git are bytes. Most are UTF-8; clients get the bytes of all others too. */
import { isUtf8 } from 'node:buffer';
import type { ShownPath } from '../../protocol/changes.ts';

/** What git prints with `-z`. */
export function splitPaths(output: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let from = 0; from < output.length;) {
    const end = output.indexOf(0, from);
    if (end < 0) break;
    parts.push(output.subarray(from, end));
    from = end + 1;
  }
  return parts;
}

/** Of a path that was shown. */
export const bytesOfShown = (path: string, pathBytes: string | undefined): Buffer =>
  pathBytes === undefined ? Buffer.from(path) : Buffer.from(pathBytes, 'base64url');

export function shownPath(path: Buffer): ShownPath {
  return { path: path.toString('utf8'), ...(!isUtf8(path) && { pathBytes: path.toString('base64url') }) };
}
