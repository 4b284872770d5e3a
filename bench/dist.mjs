import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const given = process.env.BOOCODE_BENCH_DIST;

/** The build being measured. */
export const distDirectory = given ? resolve(given) : fileURLToPath(new URL('../dist', import.meta.url));

/** A module of that build. */
export function fromDist(path) {
  if (isAbsolute(path)) throw new TypeError('A path within the build is expected.');
  return import(pathToFileURL(resolve(distDirectory, path)).href);
}
