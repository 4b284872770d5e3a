/**
 * Rules by which the program denies its tools the server's own files: the token, the database and its password, and what
 * processes were started with. They bind what reads and writes files by name: the tools for files, and of a shell command
 * those parts that the program understands. They are no wall: a command that a person allows may still find its way.
 */
import { readdirSync, realpathSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

export interface KeptFiles {
  dataDir: string;
  /** The program's own. What the server keeps around it is denied, and it is not: plans and long outputs are in it. */
  configDir: string;
}

/** Of every process, the server among them. */
const environments = ['/proc/*/environ', '/proc/*/task/*/environ'];

export function denyRules({ dataDir, configDir }: KeptFiles): string[] {
  const kept = keptPaths(realPath(dataDir), realPath(configDir)).map(escaped);
  return [
    ...kept.flatMap((path) => ['Read', 'Edit'].flatMap((tool) => [`${tool}(/${path})`, `${tool}(/${path}/**)`])),
    ...environments.map((path) => `Read(/${path})`),
  ];
}

/** The data directory, or everything in it but the way to the config directory. */
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
    return []; // Not there yet, and so is nothing in it.
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** As a pattern: `*` and `?` are left as they are, since they match themselves too, and the program takes no `\\?`. */
function escaped(path: string): string {
  return path.replace(/[\\[\]]/g, '\\$&');
}
