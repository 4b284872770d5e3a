import { isAbsolute, relative, resolve } from 'node:path';
import { misuse } from './cli.ts';
import { plainLine } from './plain-text.ts';

/** As git reads a path: from here, if this is inside of the repository, and otherwise from its top. */
export function pathIn(root: string, name: string): string {
  const here = process.cwd();
  const isInside = here === root || here.startsWith(`${root}/`);
  const path = isInside || isAbsolute(name) ? relative(root, resolve(here, name)) : name;
  if (path === '' || path.startsWith('../')) throw misuse(`${plainLine(name, 200)} is no file in ${root}.`);
  return path;
}
