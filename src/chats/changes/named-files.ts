/** The files that clients name, as git's bytes. */
import type { NamedFile } from '../../protocol/changes.ts';
import { BooError } from '../../protocol/error.ts';
import { bytesOfShown } from './paths.ts';

export const joined = (paths: readonly Buffer[]): Buffer =>
  Buffer.concat(paths.flatMap((path) => [path, Buffer.of(0)]));
/** A text for each sequence of bytes. */
export const keyOf = (path: Buffer): string => path.toString('latin1');

/** Throws `invalid_request`. */
export function bytesOf({ path, pathBytes }: Pick<NamedFile, 'path' | 'pathBytes'>): Buffer {
  const bytes = bytesOfShown(path ?? '', pathBytes);
  const parts = keyOf(bytes).split('/');
  if (parts.some((part) => ['', '.', '..', '.git'].includes(part.toLowerCase())) || bytes.includes(0)) {
    const field = pathBytes === undefined ? 'path' : 'pathBytes';
    throw new BooError('invalid_request', 'A path must name a file in the working tree.', { details: { field } });
  }
  return bytes;
}

/** With the old paths of renamed ones. */
export function allBytesOf(files: readonly NamedFile[]): Buffer[] {
  return files.flatMap(({ oldPath, oldPathBytes, ...file }) => {
    const isRenamed = oldPath !== undefined || oldPathBytes !== undefined;
    return [bytesOf(file), ...(isRenamed ? [bytesOf({ path: oldPath, pathBytes: oldPathBytes })] : [])];
  });
}
