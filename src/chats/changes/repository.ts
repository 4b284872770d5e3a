/** The repositories of directories. Nothing of a working tree is read here. */
import { type BigIntStats } from 'node:fs';
import { lstat, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { toBooError } from '../../protocol/error.ts';
import { complaint, git, type GitEnvironment, type GitResult } from '../workspaces/git.ts';
import type { WorkPlaces } from '../work-places.ts';
import { unavailable } from './unavailable.ts';

export interface Repository {
  /** The top of the working tree, its real path. */
  top: string;
  /** Of this working tree: a linked one has its own. */
  gitDirectory: string;
  /** With the objects and references of all its working trees. */
  commonDirectory: string;
  objectFormat: 'sha1' | 'sha256';
  /** How files are read, of what the repository and its owner configure. None of it names a program. */
  settings: readonly (readonly [name: string, value: string])[];
  /** Some files may be stored as something else than what is in the working tree, such as those of LFS. */
  hasFilters: boolean;
}

const read = [
  'attributesfile',
  'autocrlf',
  'checkstat',
  'eol',
  'excludesfile',
  'filemode',
  'ignorecase',
  'precomposeunicode',
  'protecthfs',
  'protectntfs',
  'sharedrepository',
  'sparsecheckout',
  'sparsecheckoutcone',
  'symlinks',
  'trustctime',
];
const wanted = `^(core\\.(${read.join('|')})|extensions\\.objectformat|filter\\..*\\.(clean|smudge|process))$`;
/** Git knows them without having them. */
export const emptyTrees = {
  sha1: '4b825dc642cb6eb9a060e54bf8d69288fbee4904',
  sha256: '6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321',
};
const maxKept = 200;

export class Repositories {
  readonly #env: GitEnvironment;
  readonly #places: WorkPlaces | undefined;
  readonly #known = new Map<string, { mark: string; repository: Repository }>();

  constructor(env: GitEnvironment, places?: WorkPlaces) {
    this.#env = env;
    this.#places = places;
  }

  /** Throws `changes_unavailable`. */
  async find(directory: string): Promise<Repository> {
    const repository = await this.#find(directory);
    const problem = await this.#places?.problemOfRepository([repository.top, repository.commonDirectory]);
    if (problem) throw unavailable('outside_roots', problem);
    return repository;
  }

  async #find(directory: string): Promise<Repository> {
    const own = await realpath(directory).catch(() => null);
    if (own === null) throw unavailable('directory_missing', `The directory ${directory} does not exist.`);
    // Most chats without a repository are told apart without starting a process.
    const place = await dotGitOf(own);
    if (place === null) throw await withoutWorkingTree(own);
    const known = this.#known.get(own);
    if (known?.mark === (await markOf(place, known?.repository, this.#env))) return known.repository;
    const repository = await this.#read(own, dirname(place));
    if (this.#known.size >= maxKept) this.#known.clear();
    this.#known.set(own, { mark: await markOf(place, repository, this.#env), repository });
    return repository;
  }

  async #read(directory: string, holder: string): Promise<Repository> {
    const ask = (...args: string[]): Promise<GitResult> => git(args, { cwd: directory, env: this.#env });
    let answers: [GitResult, GitResult, GitResult, GitResult];
    try {
      // One by one, because a path may contain the end of a line.
      answers = await Promise.all([
        ask('rev-parse', '--show-toplevel'),
        ask('rev-parse', '--absolute-git-dir'),
        ask('rev-parse', '--git-common-dir'),
        ask('config', '-z', '--get-regexp', wanted),
      ]);
    } catch (error) {
      throw unavailable('git_failed', `git cannot be asked about ${directory}: ${toBooError(error).message}`, error);
    }
    const [top, own, common, config] = answers;
    const failed = [top, own, common].find(({ code }) => code !== 0);
    if (failed) {
      // Inside of git's own directory it speaks of a bare one, too.
      const isInside = /\/\.git(\/|$)/.test(directory);
      if (!isInside && /bare repository/.test(failed.stderr)) throw bare(directory);
      if (isInside || /work tree/.test(failed.stderr)) {
        throw unavailable('no_working_tree', `${directory} is in no working tree: ${complaint(failed)}`);
      }
      throw unavailable('git_failed', `git cannot tell what is in ${directory}: ${complaint(failed)}`);
    }
    const entries = config.stdout
      .split('\0')
      .filter(Boolean)
      .map((entry): [string, string] => {
        const end = entry.indexOf('\n');
        return end < 0 ? [entry, 'true'] : [entry.slice(0, end), entry.slice(end + 1)];
      });
    const format = entries.findLast(([name]) => name === 'extensions.objectformat')?.[1];
    const realTop = await realpath(line(top));
    // Whoever wrote the repository's configuration would decide which files of this machine are read.
    if (realTop !== (await realpath(holder)))
      throw unavailable('no_working_tree', `The working tree of ${holder} is elsewhere: core.worktree is ${realTop}.`);
    return {
      top: realTop,
      gitDirectory: line(own),
      commonDirectory: resolve(directory, line(common)),
      objectFormat: format?.toLowerCase() === 'sha256' ? 'sha256' : 'sha1',
      settings: entries.filter(([name]) => name.startsWith('core.')),
      hasFilters: entries.some(([name, value]) => name.startsWith('filter.') && value !== ''),
    };
  }
}

const line = ({ stdout }: GitResult): string => stdout.replace(/\n$/, '');

/** The `.git` of the repository that a directory is in; null without one. */
export async function dotGitOf(directory: string): Promise<string | null> {
  for (let at = directory; ; at = dirname(at)) {
    const path = join(at, '.git');
    if ((await lstat(path).catch(() => null)) !== null) return path;
    if (dirname(at) === at) return null;
  }
}

async function withoutWorkingTree(directory: string): Promise<Error> {
  for (let at = directory; ; at = dirname(at)) {
    const parts = await Promise.all(['HEAD', 'objects', 'refs'].map((name) => lstat(join(at, name)).catch(() => null)));
    if (parts.every((part) => part !== null)) return bare(directory);
    if (dirname(at) === at) return unavailable('no_repository', `${directory} is not in a git repository.`);
  }
}

const bare = (directory: string): Error =>
  unavailable('bare_repository', `${directory} is a bare repository: it has no working tree.`);

/** What git reads for every repository. */
function ownersFiles(env: GitEnvironment): string[] {
  const { HOME: home, XDG_CONFIG_HOME: config = home && join(home, '.config') } = env;
  return [
    '/etc/gitconfig',
    ...(home ? [join(home, '.gitconfig')] : []),
    ...(config ? [join(config, 'git/config')] : []),
  ];
}

/** Equal as long as neither the repository nor its configuration, or that of the server's user, has changed. */
async function markOf(place: string, repository: Repository | undefined, env: GitEnvironment): Promise<string> {
  const { commonDirectory = place, gitDirectory = place } = repository ?? {};
  const paths = [join(commonDirectory, 'config'), join(gitDirectory, 'config.worktree'), ...ownersFiles(env)];
  const [own, ...files] = await Promise.all([
    lstat(place, { bigint: true }).catch(() => null),
    ...paths.map((path) => stat(path, { bigint: true }).catch(() => null)),
  ]);
  return [
    place,
    String(own?.ino),
    own?.isFile() === true && stamp(own),
    ...files.map((file) => file && stamp(file)),
  ].join('\n');
}

/** Equal as long as a file has not been written. */
export function stamp({ ino, size, mtimeNs }: BigIntStats): string {
  return `${ino}:${size}:${mtimeNs}`;
}
