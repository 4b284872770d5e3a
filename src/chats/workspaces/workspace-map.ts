/** Where directories and repositories of other hosts are on this one: the setting `BOOCODE_WORKSPACES`. */
import { readFileSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { cleanRemote, repositoryKey } from './remote.ts';

export interface WorkspaceMapping {
  /** A path on other hosts, or the clean address of a remote. */
  from: string;
  /** Its directory here, which need not exist. */
  to: string;
}

/**
 * Reads the setting: the path of a JSON file, or pairs such as `/home/a=/srv/a,https://example.org/x.git=/srv/x`. Throws an
 * Error that says what is wrong.
 */
export function readWorkspaceMap(text: string, dataDir: string): WorkspaceMapping[] {
  const pairs = text.includes('=') ? inline(text) : fromFile(text);
  const seen = new Set<string>();
  return pairs.map(([given, to]) => {
    const from = isAbsolute(given) ? resolve(given) : cleanRemote(given);
    // It may contain a password.
    if (from === null) throw new Error('must map absolute paths or addresses of git remotes');
    if (!isAbsolute(to)) throw new Error(`must map ${from} to an absolute path`);
    const key = keyOf(from);
    if (seen.has(key)) throw new Error(`maps ${from} twice`);
    seen.add(key);
    const directory = resolve(to);
    if (isWithin(existing(directory), existing(dataDir))) {
      throw new Error(`maps ${from} to a directory inside the data directory, where no agent may work`);
    }
    return { from, to: directory };
  });
}

/** Where a chat's directory may be here, in the order to look; empty if nothing is said about it. */
export function mapWorkspace(
  mappings: readonly WorkspaceMapping[],
  { cwd, remote, inside }: { cwd: string; remote: string | null; inside: string },
): string[] {
  const byPath = mappings
    .filter(({ from }) => isAbsolute(from) && isWithin(cwd, from))
    .toSorted((one, other) => other.from.length - one.from.length)
    .slice(0, 1)
    .map(({ from, to }) => join(to, relative(from, cwd)));
  const key = remote === null ? null : keyOf(remote);
  const byRemote = mappings.filter(({ from }) => key !== null && keyOf(from) === key);
  return [...byPath, ...byRemote.map(({ to }) => join(to, inside))];
}

/** A path names a directory, and as a remote a repository: only addresses are compared as repositories. */
const keyOf = (from: string): string => (isAbsolute(from) ? from : repositoryKey(from));

/** Whether the path is this directory, or below it. */
export function isWithin(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way === '' || (way !== '..' && !way.startsWith('../') && !isAbsolute(way));
}

/** The real path, as far as it exists. */
function existing(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return dirname(path) === path ? path : join(existing(dirname(path)), relative(dirname(path), path));
  }
}

function inline(text: string): [string, string][] {
  return text
    .split(',')
    .map((pair) => pair.trim())
    .filter(Boolean)
    .map((pair) => {
      // An address may contain one, too.
      const at = pair.lastIndexOf('=');
      if (at < 1)
        throw new Error('must be pairs such as /home/a=/srv/a, separated by commas, or the path of a JSON file');
      return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    });
}

function fromFile(path: string): [string, string][] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path.trim(), 'utf8'));
  } catch (cause) {
    const isJson = cause instanceof SyntaxError;
    throw new Error(
      isJson ? 'must name a file with JSON' : 'must name a file that can be read, or be pairs such as /home/a=/srv/a',
      { cause },
    );
  }
  const isMap = typeof content === 'object' && content !== null && !Array.isArray(content);
  const entries = isMap ? Object.entries(content as object) : [];
  if (!isMap || !entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')) {
    throw new Error('must name a JSON file such as {"/home/a": "/srv/a"}');
  }
  return entries;
}
