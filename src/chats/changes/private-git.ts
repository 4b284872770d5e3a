/**
 * A git directory of our own for somebody else's working tree. Git reads no configuration but ours through it, so no
 * filter, hook, file system monitor, text conversion or external diff that the repository, or its owner, has configured can
 * run, whatever its attributes ask for: their drivers are not known. The index is ours too, and so is where new objects go.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gitBytes, type GitBytes, type GitEnvironment } from '../workspaces/git.ts';
import type { Repository } from './repository.ts';
import { complaint } from '../workspaces/git.ts';

export interface PrivateGitOptions {
  /** Its parent exists. */
  folder: string;
  repository: Repository;
  env: GitEnvironment;
  signal: AbortSignal;
  /** By when everything has to be done, by the monotonic clock. */
  untilMs: number;
}

export interface RunOptions {
  input?: Uint8Array;
  maxBytes?: number;
  /** Another index than the folder's. */
  index?: string;
  /** Another directory in place of the working tree. */
  workTree?: string;
  /** Exit codes that are no failure; only 0 by default. */
  mayEndWith?: readonly number[];
}

const maxOutput = 64 * 1024 * 1024;
/** Git compares nothing larger line by line. */
export const maxComparedBytes = 10 * 1024 * 1024;

export class PrivateGit {
  readonly folder: string;
  readonly repository: Repository;
  readonly #options: PrivateGitOptions;

  private constructor(options: PrivateGitOptions) {
    this.#options = options;
    this.folder = options.folder;
    this.repository = options.repository;
  }

  static async open(options: PrivateGitOptions): Promise<PrivateGit> {
    const { folder, repository } = options;
    const own = join(folder, 'git');
    if (!existsSync(join(own, 'HEAD'))) {
      await mkdir(join(own, 'info'), { recursive: true, mode: 0o700 });
      await Promise.all([
        mkdir(join(own, 'refs'), { recursive: true }),
        mkdir(join(own, 'objects'), { recursive: true }),
      ]);
      await link(join(repository.commonDirectory, 'info/exclude'), join(own, 'info/exclude'));
      // They say how ends of lines are stored. The drivers that they name are not known.
      await link(join(repository.commonDirectory, 'info/attributes'), join(own, 'info/attributes'));
      await link(join(repository.gitDirectory, 'info/sparse-checkout'), join(own, 'info/sparse-checkout'));
      await writeFile(join(own, 'HEAD'), 'ref: refs/heads/none\n');
    }
    const isSha256 = repository.objectFormat === 'sha256';
    const config = `[core]\n\trepositoryformatversion = ${isSha256 ? 1 : 0}\n\tbare = false\n${isSha256 ? '[extensions]\n\tobjectFormat = sha256\n' : ''}`;
    const path = join(own, 'config');
    if ((await readFile(path, 'utf8').catch(() => '')) !== config) await writeFile(path, config);
    return new PrivateGit(options);
  }

  get index(): string {
    return join(this.folder, 'index');
  }

  /** Where new objects go: the repository's own, unless the folder has some. */
  get objects(): string {
    const own = join(this.folder, 'objects');
    return existsSync(own) ? own : join(this.repository.commonDirectory, 'objects');
  }

  /** From here on new objects stay in the folder. */
  async keepObjectsApart(): Promise<void> {
    const info = join(this.folder, 'objects/info');
    await mkdir(info, { recursive: true, mode: 0o700 });
    const quoted = join(this.repository.commonDirectory, 'objects').replaceAll(/["\\\n]/g, (character) =>
      character === '\n' ? String.raw`\n` : `\\${character}`,
    );
    await writeFile(join(info, 'alternates'), `"${quoted}"\n`);
  }

  /** Rejects if git fails, or takes too long. */
  async run(
    args: readonly string[],
    { input, maxBytes = maxOutput, index, workTree, mayEndWith = [0] }: RunOptions = {},
  ): Promise<GitBytes> {
    const { repository, signal, untilMs } = this.#options;
    const result = await gitBytes(args, {
      cwd: workTree ?? repository.top,
      env: { ...this.#environment(index ?? this.index), ...(workTree !== undefined && { GIT_WORK_TREE: workTree }) },
      timeoutMs: Math.max(1, untilMs - performance.now()),
      signal,
      input,
      maxBytes,
    });
    if (!mayEndWith.includes(result.code)) {
      throw new Error(complaint({ ...result, stdout: '' }));
    }
    return result;
  }

  /** The last run may have been ended in the middle of a write. */
  async unlock(): Promise<void> {
    await rm(`${this.index}.lock`, { force: true });
  }

  #environment(index: string): GitEnvironment {
    const settings: (readonly [string, string])[] = [
      ...this.repository.settings,
      ['core.safecrlf', 'false'],
      ['core.bigFileThreshold', String(maxComparedBytes)],
      ['core.quotePath', 'false'],
      ['gc.auto', '0'],
    ];
    return {
      ...this.#options.env,
      GIT_DIR: join(this.folder, 'git'),
      GIT_WORK_TREE: this.repository.top,
      GIT_INDEX_FILE: index,
      GIT_OBJECT_DIRECTORY: this.objects,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_COUNT: String(settings.length),
      ...Object.fromEntries(
        settings.flatMap(([name, value], at) => [
          [`GIT_CONFIG_KEY_${at}`, name],
          [`GIT_CONFIG_VALUE_${at}`, value],
        ]),
      ),
    };
  }
}

async function link(target: string, path: string): Promise<void> {
  await rm(path, { force: true });
  await symlink(target, path);
}
