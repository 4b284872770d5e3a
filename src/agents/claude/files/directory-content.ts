/**
 * Everything in a directory that the program would load or run once it is trusted: its settings, servers, commands,
 * agents, skills, hooks, and what git runs there. Trust covers exactly this content, so all of it is read and identified by one digest.
 *
 * Excluded are files that are only text for the model (CLAUDE.md and rules, no more dangerous than any file it reads),
 * and files that the program writes there while it works. Programs that a hook names are included only if it names a
 * file in the directory.
 */
import { createHash } from 'node:crypto';
import { type Stats, statSync } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { BooError } from '../../../protocol/error.ts';
import { isRecord } from '../mapping/loose-json.ts';
import { countedNow, readGitContent } from './git-content.ts';
import type { DirectoryContent, DirectoryFile } from '../../agent-backend.ts';

const leftOut = new Set(
  'worktrees agent-memory agent-memory-local plans todos projects rules logs state cache tmp'.split(' '),
);
const maxFiles = 1_000;
const maxFileBytes = 4 * 1024 * 1024;
const maxBytes = 32 * 1024 * 1024;
const maxDepth = 12;
/** Limit for texts that are shown and stored. */
const maxTextBytes = 64 * 1024;
const maxTextsBytes = 1024 * 1024;

export const settingsFiles: readonly string[] = ['.claude/settings.json', '.claude/settings.local.json'];

/** Throws BooError `trust_refused` for content too large to review, and `cwd_invalid`. */
export async function readDirectoryContent(cwd: string, configDir: string): Promise<DirectoryContent> {
  const path = await realpath(cwd).catch((cause: unknown) => {
    throw new BooError('cwd_invalid', `The working directory ${cwd} is gone.`, { cause, details: { field: 'cwd' } });
  });
  const own = await realpath(configDir).catch(() => configDir);
  const reader = new Reader(path);
  const root = await repositoryRoot(path);
  for (const name of settingsFiles) await reader.file(join(path, name));
  for (const directory of ancestors(path)) {
    await reader.file(join(directory, '.mcp.json'));
    const isInside = directory === path || (root !== null && isWithin(root, directory));
    const settings = join(directory, '.claude');
    if (isInside && settings !== own) await reader.directory(settings);
  }
  // The files of this directory that hooks and servers run.
  for (const { text } of [...reader.files.values()].filter(isSettings)) {
    const { run, named } = namedFiles(text, path);
    for (const name of run) if ((await fileAt(name)) !== null) await reader.file(name);
    for (const name of named) if (await isScript(name)) await reader.file(name);
    for (const name of await pluginPlaces(text, path)) await reader.directory(name, 1);
  }
  if (root !== null) await reader.git(root);
  const files = [...reader.files.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const digest = createHash('sha256');
  for (const file of files) digest.update(JSON.stringify([file.path, file.sha256]));
  const seen = [...reader.seen].map(([each, sign]) => [each, sign, sign(each)] as const);
  return {
    path,
    digest: digest.digest('hex'),
    files,
    isCurrent: () => seen.every(([each, sign, before]) => sign(each) === before),
  };
}

class Reader {
  readonly files = new Map<string, DirectoryFile>();
  /** With what tells a change. Missing files count too: creating one is a change. */
  readonly seen = new Map<string, (name: string) => string>();
  readonly #path: string;
  #bytes = 0;
  #textBytes = 0;

  constructor(path: string) {
    this.#path = path;
  }

  async directory(directory: string, depth = 0): Promise<void> {
    this.seen.set(directory, signature);
    if (depth > maxDepth) throw tooMuch(directory);
    for (const entry of await readdir(directory).catch(() => [])) {
      if (depth === 0 && leftOut.has(entry)) continue;
      const name = join(directory, entry);
      const found = await stat(name).catch(() => null);
      if (found?.isDirectory()) await this.directory(name, depth + 1);
      // Files next to the settings are notes of hooks and of the program, unless they are executable.
      else if (depth > 0 || /^settings(\.local)?\.json$/.test(entry) || (await isScript(name))) await this.file(name);
    }
  }

  /** What the repository makes git run. */
  async git(root: string): Promise<void> {
    const { files, directories, problem } = await readGitContent(root);
    if (problem !== null) throw new BooError('trust_refused', `The directory cannot be trusted: ${problem}.`);
    for (const directory of directories) this.seen.set(directory, signature);
    for (const { name, file, text } of files) {
      if (text === undefined) await this.file(file, name);
      else this.seen.set(file, countedNow);
      if (text === undefined || text === '') continue;
      const bytes = Buffer.from(text);
      this.files.set(name, { path: name, sha256: sha256Of(bytes), text: this.#text(bytes) });
    }
  }

  /** Under another name than its path, if it has one. */
  async file(name: string, shown?: string): Promise<void> {
    this.seen.set(name, signature);
    const path = shown ?? relative(this.#path, name);
    const found = await stat(name).catch(() => null);
    if (!found?.isFile() || this.files.has(path)) return;
    this.#bytes += found.size;
    const isTooMuch = found.size > maxFileBytes || this.#bytes > maxBytes || this.files.size >= maxFiles;
    if (isTooMuch) throw tooMuch(name);
    const bytes = await readFile(name).catch(() => null);
    // If this server cannot read it, neither can the program.
    if (!bytes) return;
    this.files.set(path, {
      path,
      sha256: sha256Of(bytes),
      text: settingsFiles.includes(path) ? settingsText(name, bytes) : this.#text(bytes),
    });
  }

  #text(bytes: Buffer): string | null {
    if (bytes.length > maxTextBytes || this.#textBytes > maxTextsBytes) return null;
    try {
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
      if (text.includes('\0')) return null;
      this.#textBytes += bytes.length;
      return text;
    } catch {
      return null;
    }
  }
}

const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

function tooMuch(name: string): BooError {
  return new BooError(
    'trust_refused',
    `The directory cannot be trusted: ${name} exceeds what can be reviewed: at most ${maxFiles} files of up to 4 MiB each, 32 MiB in total.`,
  );
}

/** Files that are judged by their settings must be readable. */
function settingsText(name: string, bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (bytes.length <= maxTextBytes && (text.trim() === '' || isRecord(parse(text)))) return text;
  throw new BooError(
    'trust_refused',
    `The directory cannot be trusted: ${name} must be a JSON object of at most 64 KiB.`,
  );
}

const isSettings = ({ path }: DirectoryFile): boolean => /(^|[\\/])(settings(\.local)?\.json|\.mcp\.json)$/.test(path);

const interpreters = /^(env|exec|source|\.|npx|[a-z]*sh|node|deno|bun|tsx|python[\d.]*|ruby|perl|php)$/;

/**
 * Files of the directory that a settings file names in any of its strings, as a path from here or from the root: those
 * that start a command or follow the name of an interpreter, and all others, which may also be written to.
 */
function namedFiles(text: string | null, path: string): { run: string[]; named: string[] } {
  const asPath = (word: string): string[] => {
    if (word === '' || word.includes('\0')) return [];
    const name = resolve(path, word.replaceAll(/\$\{?CLAUDE_PROJECT_DIR\}?/g, '.'));
    return name !== path && isWithin(path, name) ? [name] : [];
  };
  const texts = textsIn(parse(text ?? ''));
  const commands = texts.map((each) => each.replaceAll(/["']/g, '')).flatMap((each) => each.split(/[;|&()\n]+/));
  const run = commands.flatMap((command) => {
    const words = command.split(/[\s<>=]+/).filter(Boolean);
    const at = words.findIndex((word) => !interpreters.test(basename(word)) && !word.startsWith('-'));
    return words.slice(0, at + 1).flatMap(asPath);
  });
  const words = [...texts, ...commands.flatMap((command) => command.split(/[\s<>=]+/))];
  return { run, named: words.filter((word) => /[./]/.test(word)).flatMap(asPath) };
}

const pluginParts = ['.claude-plugin', 'commands', 'agents', 'skills', 'hooks', 'output-styles'];

/** Directories of plugins that the settings name, in this directory. It may be a marketplace and a plugin itself. */
async function pluginPlaces(text: string | null, path: string): Promise<string[]> {
  const settings = parse(text ?? '');
  const places = directoriesIn(isRecord(settings) ? settings['extraKnownMarketplaces'] : undefined, path);
  if (!places.includes(path)) return places;
  const listed = await readFile(join(path, '.claude-plugin/marketplace.json'), 'utf8').catch(() => '');
  const plugins = directoriesIn(parse(listed), path).filter((place) => place !== path);
  return [...places.filter((place) => place !== path), ...plugins, ...pluginParts.map((part) => join(path, part))];
}

const directoriesIn = (value: unknown, path: string): string[] =>
  textsIn(value)
    .filter((word) => /^[./]/.test(word) && !word.includes('\0'))
    .map((word) => resolve(path, word))
    .filter((name) => isWithin(path, name));

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Every string in it, plus each command joined with its arguments. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  const { command, args } = value as { command?: unknown; args?: unknown };
  const whole = typeof command === 'string' && Array.isArray(args) ? [[command, ...args].join(' ')] : [];
  return [...whole, ...Object.values(value).flatMap(textsIn)];
}

const fileAt = async (name: string): Promise<Stats | null> => {
  const found = await stat(name).catch(() => null);
  return found?.isFile() === true ? found : null;
};

/** What is run, as opposed to written to. */
async function isScript(name: string): Promise<boolean> {
  const found = await fileAt(name);
  return (
    found !== null && ((found.mode & 0o111) !== 0 || /\.([cm]?[jt]s|sh|bash|zsh|py|rb|pl|php|ps1|cmd|bat)$/.test(name))
  );
}

const isWithin = (root: string, name: string): boolean => name === root || name.startsWith(root + sep);

function ancestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [path, ...ancestors(parent)];
}

export async function repositoryRoot(path: string): Promise<string | null> {
  for (const directory of ancestors(path)) {
    if (await stat(join(directory, '.git')).catch(() => null)) return directory;
  }
  return null;
}

/** A cheap fingerprint that changes with every change of the file or, for a directory, of the names in it. */
function signature(name: string): string {
  const found = statSync(name, { bigint: true, throwIfNoEntry: false });
  return found ? `${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}` : '';
}
