import { opendir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, basename, isAbsolute, join, resolve } from 'node:path';
import type { DirectoryList } from '../protocol/directory.ts';
import { BooError } from '../protocol/error.ts';
import { realPathOf, type WorkPlaces } from './work-places.ts';

const maxItems = 50;

/**
 * The directories whose paths start with this, including links to directories. `~` is the home directory of the
 * server's user, and so is an empty path, unless the server does not work there: then it is its roots. Unreadable directories
 * count as empty, and so do those where the server does not work. At most the first fifty are returned.
 */
export async function listDirectories(prefix: string, places: WorkPlaces): Promise<DirectoryList> {
  const isShown = await places.shown();
  if (prefix === '' && places.roots.length > 0) {
    const [root] = places.roots;
    const others = places.roots.map((each) => ({ path: each, name: basename(each) || each }));
    if (root !== undefined && others.length === 1) return listDirectories(join(root, '/'), places);
    return { items: others.slice(0, maxItems), truncated: others.length > maxItems, parent: '/' };
  }
  const path = prefix === '' ? '~/' : prefix;
  const whole = path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1) || '/') : path;
  if (!isAbsolute(whole)) {
    throw new BooError('invalid_request', 'path: must be absolute, or start with ~/', { details: { field: 'path' } });
  }
  const parent = resolve(whole.endsWith('/') ? whole : dirname(whole));
  const start = whole.endsWith('/') ? '' : basename(whole);
  const items: DirectoryList['items'] = [];
  const realParent = await realPathOf(parent);
  if (!(await isShown(realParent))) return { items, truncated: false, parent };
  for (const { name, isLink } of await candidates(parent, start)) {
    const item = { path: join(parent, name), name };
    if (isLink && !(await isDirectory(item.path))) continue;
    if (!(await isShown(isLink ? await realPathOf(item.path) : join(realParent, name)))) continue;
    if (items.length === maxItems) return { items, truncated: true, parent };
    items.push(item);
  }
  return { items, truncated: false, parent };
}

/** Sorted by name. Hidden ones only on request. */
async function candidates(parent: string, start: string): Promise<{ name: string; isLink: boolean }[]> {
  const found: { name: string; isLink: boolean }[] = [];
  try {
    for await (const entry of await opendir(parent)) {
      const { name } = entry;
      if (!name.startsWith(start) || (name.startsWith('.') && !start.startsWith('.'))) continue;
      if (entry.isDirectory() || entry.isSymbolicLink()) found.push({ name, isLink: entry.isSymbolicLink() });
    }
  } catch (error) {
    if (!isOrdinary(error)) throw error;
  }
  return found.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isOrdinary(error)) return false;
    throw error;
  }
}

/** It does not exist, is not a directory, or is not readable. */
function isOrdinary(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG'].includes(String(code));
}
