/**
 * What a repository makes git run in a trusted directory: what its configuration says beyond the usual, and its hooks.
 *
 * Git writes to the configuration all the time, such as for each new branch. So lines that are known to run and redirect
 * nothing do not count. Everything else does, also what is not understood here.
 */
import { readFileSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

export interface GitFile {
  /** What it is called in this repository, wherever its git directory is. */
  name: string;
  file: string;
  /** Only what counts of it; undefined for the whole file. */
  text?: string;
}

export interface GitContent {
  files: GitFile[];
  /** Why not all of it can be told. */
  problem: string | null;
  /** Directories in which files may appear. */
  directories: string[];
}

const core =
  'repositoryformatversion filemode bare logallrefupdates ignorecase precomposeunicode symlinks autocrlf safecrlf eol quotepath ' +
  'compression sharedrepository abbrev trustctime checkstat untrackedcache preloadindex splitindex commitgraph multipackindex ' +
  'longpaths protecthfs protectntfs sparsecheckout sparsecheckoutcone hidedotfiles';
/** By section; with a space after it if it has a name. */
const harmless: Readonly<Record<string, string>> = {
  core,
  extensions: 'objectformat worktreeconfig partialclone refstorage preciousobjects',
  'branch ': 'remote merge rebase pushremote description vscode-merge-base github-pr-owner-number gh-merge-base',
  'remote ': 'url fetch pushurl tagopt prune prunetags mirror promisor partialclonefilter gh-resolved followremotehead',
  user: 'name email useconfigonly',
  pull: 'rebase ff',
  push: 'default autosetupremote followtags',
  fetch: 'prune prunetags',
  rebase: 'autostash autosquash updaterefs',
  init: 'defaultbranch',
  gc: 'auto autodetach',
  maintenance: 'auto strategy',
  submodule: 'active recurse',
  'submodule ': 'active url',
  lfs: 'repositoryformatversion',
  'lfs ': 'access locksverify',
};
const maxIncludes = 10;

/** Of the repository whose working tree this is the top of. */
export async function readGitContent(top: string): Promise<GitContent> {
  const own = await gitDirectoryOf(top);
  const content: GitContent = { files: [], problem: null, directories: [] };
  if (own === null) return content;
  const common = await commonDirectoryOf(own);
  const hooks: string[] = [];
  for (const [name, file] of [
    ['.git/config', join(common, 'config')],
    ['.git/config.worktree', join(own, 'config.worktree')],
  ] as const) {
    await addConfig(content, hooks, { name, file, top }, 0);
  }
  await addHooks(content, '.git/hooks', join(common, 'hooks'));
  for (const path of hooks) await addHooks(content, path, resolve(top, atHome(path)));
  return content;
}

/** The lines that count of git's configuration, under their sections. */
export function countedLines(text: string): string {
  const counted: string[] = [];
  let header = '';
  let keys: string[] | undefined;
  let isShown = false;
  let continues = false;
  for (const line of text.split(/\r?\n/)) {
    const [, name, named] = continues ? [] : (/^\s*\[([A-Za-z0-9-]+)(\s+"(?:[^"\\]|\\.)*")?\]\s*$/.exec(line) ?? []);
    if (name !== undefined) {
      header = line.trim();
      keys = harmless[name.toLowerCase() + (named === undefined ? '' : ' ')]?.split(' ');
      isShown = false;
      continue;
    }
    const isNothing = !continues && /^\s*([#;].*)?$/.test(line);
    if (isNothing || (!continues && isHarmless(line, keys))) continue;
    // A section that is written otherwise is not understood, and neither is what follows.
    if (!continues && /^\s*\[/.test(line)) [header, keys] = ['', undefined];
    if (!isShown && header !== '') counted.push(header);
    isShown = true;
    counted.push(line);
    continues = line.endsWith('\\');
  }
  return counted.map((line) => `${line}\n`).join('');
}

function isHarmless(line: string, keys: readonly string[] | undefined): boolean {
  const [, key, value = ''] = /^\s*([A-Za-z][A-Za-z0-9-]*)\s*(?:=\s*(.*))?$/.exec(line) ?? [];
  // A remote helper, an option, or a line that goes on.
  const isOdd = /::|^["']?-|\\$/.test(value);
  return key !== undefined && keys?.includes(key.toLowerCase()) === true && !isOdd;
}

interface ConfigPlace {
  name: string;
  file: string;
  top: string;
}

async function addConfig(content: GitContent, hooks: string[], place: ConfigPlace, depth: number): Promise<void> {
  const { name, file, top } = place;
  const text = await readFile(file, 'utf8').catch(() => null);
  const counted = text === null ? '' : countedLines(text);
  // Also one that is missing: it may appear.
  content.files.push({ name, file, text: counted });
  let section = '';
  for (const line of counted.split('\n')) {
    if (/^\s*\[/.test(line)) {
      const isPlain = /^\[[^\]]*\]$/.test(line);
      if (!isPlain && /include/i.test(line))
        content.problem = `${name} names what it includes in an unusual way: ${line}`;
      section = line.toLowerCase();
      continue;
    }
    const [, key = '', value = ''] = /^\s*([A-Za-z-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    const path = value.replace(/^"(.*)"$/, '$1');
    if (section.startsWith('[core]') && key.toLowerCase() === 'hookspath' && path !== '') hooks.push(path);
    if (!/^\[include(if)?[\s\]]/.test(section) || key.toLowerCase() !== 'path') continue;
    if (depth >= maxIncludes || /["\\#;]/.test(path)) {
      content.problem = `${name} names what it includes in an unusual way: ${line.trim()}`;
      continue;
    }
    const included = resolve(dirname(file), atHome(path));
    await addConfig(content, hooks, { name: included, file: included, top }, depth + 1);
  }
}

async function addHooks(content: GitContent, name: string, directory: string): Promise<void> {
  content.directories.push(directory);
  for (const entry of await readdir(directory).catch(() => [])) {
    const file = join(directory, entry);
    const found = await stat(file).catch(() => null);
    if (!found?.isFile() || (found.mode & 0o111) === 0 || entry.endsWith('.sample')) continue;
    content.files.push({ name: `${name.replace(/\/+$/, '')}/${entry}`, file });
  }
}

/** To tell whether it has changed since. */
export function countedNow(file: string): string {
  try {
    return countedLines(readFileSync(file, 'utf8'));
  } catch {
    return '';
  }
}

async function gitDirectoryOf(top: string): Promise<string | null> {
  const place = join(top, '.git');
  const found = await stat(place).catch(() => null);
  if (found?.isDirectory()) return place;
  const text = found?.isFile() ? await readFile(place, 'utf8').catch(() => '') : '';
  const [, named] = /^gitdir: (.*?)\s*$/s.exec(text) ?? [];
  return named === undefined ? null : resolve(top, named);
}

async function commonDirectoryOf(own: string): Promise<string> {
  const text = await readFile(join(own, 'commondir'), 'utf8').catch(() => '');
  return text.trim() === '' ? own : resolve(own, text.trim());
}

const atHome = (path: string): string => (path.startsWith('~/') ? join(homedir(), path.slice(2)) : path);
