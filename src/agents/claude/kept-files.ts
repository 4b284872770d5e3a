/**
 * Rules that make the program deny its tools the server's own files: the token, the database and its password, and the
 * environments of processes. They apply to everything that accesses files by name: the file tools, and those parts of a
 * shell command that the program understands. They are no security boundary: a command that a person allows may still
 * find a way.
 */
import { readdirSync, realpathSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

export interface KeptFiles {
  dataDir: string;
  /**
   * The program's own. The server's files around it are denied, but not the directory itself: it contains plans and
   * long outputs.
   */
  configDir: string;
}

/** Those of all processes, including the server. */
const environments = ['/proc/*/environ', '/proc/*/task/*/environ'];

export function denyRules({ dataDir, configDir }: KeptFiles): string[] {
  const kept = keptPaths(realPath(dataDir), realPath(configDir)).map(escaped);
  return [
    ...kept.flatMap((path) => ['Read', 'Edit'].flatMap((tool) => [`${tool}(/${path})`, `${tool}(/${path}/**)`])),
    ...environments.map((path) => `Read(/${path})`),
  ];
}

/** The data directory, or everything in it except the path to the config directory. */
function keptPaths(dataDir: string, configDir: string): string[] {
  const way = relative(dataDir, configDir).split(sep);
  if (way[0] === '..' || configDir === dataDir) return configDir === dataDir ? entries(dataDir) : [dataDir];
  const kept: string[] = [];
  let place = dataDir;
  for (const step of way) {
    const next = join(place, step);
    kept.push(...entries(place).filter((path) => path !== next));
    place = next;
  }
  return kept;
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return []; // It does not exist yet.
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** As a pattern. `*` and `?` stay as they are: they also match themselves, and the program does not support `\\?`. */
function escaped(path: string): string {
  return path.replace(/[\\[\]]/g, '\\$&');
}
