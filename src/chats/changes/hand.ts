/**
 * Writes into the person's own index and objects. In a trusted directory it is git as on a command line, with the filters
 * that are configured. Otherwise git knows none of them (`private-git.ts`), and files that need one are refused: to be
 * stored as they are would be wrong, and nothing that the repository configures may run.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BooError, toBooError } from '../../protocol/error.ts';
import { complaint, gitBytes, type GitBytes, type GitEnvironment } from '../workspaces/git.ts';
import { type Filtered, filteredOf } from './filters.ts';
import type { PrivateGit, RunOptions } from './private-git.ts';
import { refused } from './refused.ts';
import type { Repository } from './repository.ts';

export interface HandOptions {
  /** In a folder that nothing else uses meanwhile; it writes its objects into the repository. */
  own: PrivateGit;
  env: GitEnvironment;
  isTrusted: boolean;
  signal: AbortSignal;
  untilMs: number;
}

export class Hand {
  readonly repository: Repository;
  readonly isTrusted: boolean;
  readonly own: PrivateGit;
  readonly env: GitEnvironment;
  readonly #options: HandOptions;

  constructor(options: HandOptions) {
    this.#options = options;
    this.own = options.own;
    this.env = options.env;
    this.repository = options.own.repository;
    this.isTrusted = options.isTrusted;
  }

  /** The person's. */
  get index(): string {
    return join(this.repository.gitDirectory, 'index');
  }

  /** On the person's index, unless another one is named. Throws `change_refused`. */
  async write(args: readonly string[], options: RunOptions = {}): Promise<GitBytes> {
    if (this.isTrusted) {
      const { index, ...rest } = options;
      const result = await this.asPerson(args, { ...rest, ...(index !== undefined && { index }) });
      if (!(options.mayEndWith ?? [0]).includes(result.code)) throw refusalOf(complaint(withText(result)));
      return result;
    }
    return this.own.run(args, { index: this.index, ...options }).catch((error: unknown) => {
      throw refusalOf(toBooError(error).message, error);
    });
  }

  /** Only where the directory is trusted. */
  asPerson(args: readonly string[], { input, index, maxBytes }: RunOptions = {}): Promise<GitBytes> {
    const { signal } = this.#options;
    const { GIT_OPTIONAL_LOCKS: _locks, GIT_NO_LAZY_FETCH: _fetch, ...rest } = this.env;
    return gitBytes(args, {
      cwd: this.repository.top,
      env: {
        ...rest,
        GIT_LITERAL_PATHSPECS: '1',
        // Whatever would open an editor takes what is there.
        GIT_EDITOR: ':',
        ...(index !== undefined && { GIT_INDEX_FILE: index }),
      },
      timeoutMs: this.#leftMs,
      signal,
      input,
      maxBytes: maxBytes ?? maxOutput,
      asPerson: true,
    });
  }

  /** Runs nothing that is configured, and looks at no file. */
  async ask(args: readonly string[], { input, mayEndWith = [0] }: RunOptions = {}): Promise<Buffer> {
    const { signal } = this.#options;
    const { top: cwd } = this.repository;
    const result = await gitBytes(args, {
      cwd,
      env: this.env,
      signal,
      input,
      timeoutMs: this.#leftMs,
      maxBytes: maxOutput,
    });
    if (!mayEndWith.includes(result.code)) throw refusalOf(complaint(withText(result)));
    return result.stdout;
  }

  /** Throws `change_refused` if the index may not be written without what is configured. */
  async assertPlain(paths: readonly Buffer[]): Promise<void> {
    if (this.isTrusted) return;
    const names = await readdir(this.repository.gitDirectory);
    if (names.some((name) => name.startsWith('sharedindex.')))
      throw untrusted('The index of this repository is split, and can only be written as the repository configures it');
    const filtered = await this.filtered(paths);
    if (filtered) throw untrusted(`${filtered.path.toString('utf8')} is stored by the filter “${filtered.filter}”`);
  }

  /** The first of these files that a filter stores as something else. */
  async filtered(paths: readonly Buffer[]): Promise<Filtered | null> {
    if (!this.repository.hasFilters) return null;
    const found = await filteredOf((args, input) => this.ask(args, { input }), paths);
    return found[0] ?? null;
  }

  get #leftMs(): number {
    return Math.max(1, this.#options.untilMs - performance.now());
  }
}

const maxOutput = 64 * 1024 * 1024;
const withText = (result: GitBytes) => ({ ...result, stdout: '' });

const untrusted = (why: string): Error =>
  refused('untrusted', `${why}, which runs nothing of the repository’s before the chat’s directory is trusted.`);

export function refusalOf(message: string, cause?: unknown): BooError {
  if (cause instanceof BooError && cause.code === 'change_refused') return cause;
  if (/index\.lock'?: File exists/.test(message)) return indexLocked();
  return refused('git_failed', `git has refused: ${message}`);
}

export const indexLocked = (): BooError =>
  refused(
    'index_locked',
    'Another git works with this repository’s index, or one that was ended has left the file index.lock behind.',
  );
