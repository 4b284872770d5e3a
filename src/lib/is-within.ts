import { sep } from 'node:path';

/** Whether the path is this directory, or below it. Both are absolute and without dots; links are the caller's business. */
export const isWithin = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
