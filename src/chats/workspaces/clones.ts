/**
 * Clones repositories that chats from other hosts work in. A clone appears under its own name only once it is complete and
 * has the branch; whatever fails leaves nothing.
 */
import { mkdir, mkdtemp, realpath, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BooError, toBooError } from '../../protocol/error.ts';
import type { WorkPlaces } from '../work-places.ts';
import { complaint, git, type GitEnvironment } from './git.ts';

export interface CloneRequest {
  /** The chat's directory here, which does not exist. */
  directory: string;
  /** Clean. */
  remote: string;
  /** To check out; null for the remote's own choice. */
  branch: string | null;
  /** Where the directory is in the repository. */
  inside: string;
}

export interface Clone {
  commit: string;
}

export interface ClonesOptions {
  places: WorkPlaces;
  env: GitEnvironment;
  waitMs?: number;
}

const limitMs = 15 * 60_000;
/** How long a request waits for a clone. */
const defaultWaitMs = 10_000;
/** The protocols that git allows by default. Others run programs that the address names. */
const protocols = ['allow=never', ...['https', 'http', 'ssh', 'git', 'file'].map((name) => `${name}.allow=always`)];

export class Clones {
  readonly #options: ClonesOptions;
  readonly #running = new Map<string, Promise<void>>();
  readonly #made = new Map<string, Clone>();
  readonly #stop = new AbortController();

  constructor(options: ClonesOptions) {
    this.#options = options;
  }

  /** The clone that was made here, if it was. `top`: its real path. */
  made(top: string): Clone | undefined {
    return this.#made.get(top);
  }

  /** Resolves once the directory is there. Throws `workspace_missing` after a failure, or when it takes long. */
  async clone(request: CloneRequest): Promise<void> {
    const { directory, inside, remote } = request;
    const depth = inside === '' ? 0 : inside.split('/').length;
    // The mapping ends with the same names as the repository's own directories, or else this is no place for it.
    const top = join(directory, ...Array.from({ length: depth }, () => '..'));
    if (join(top, inside) !== directory) throw failed(request, `${directory} does not end with ${inside}`);
    let running = this.#running.get(top);
    if (!running) {
      running = this.#clone(top, request).finally(() => this.#running.delete(top));
      running.catch(() => undefined);
      this.#running.set(top, running);
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () =>
          reject(
            workspaceMissing(`${remote} is being cloned to ${top}. Try again shortly.`, { remote, isCloning: true }),
          ),
        this.#options.waitMs ?? defaultWaitMs,
      );
    });
    await Promise.race([running, late]).finally(() => clearTimeout(timer));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#running.values());
  }

  async #clone(top: string, request: CloneRequest): Promise<void> {
    const { remote, branch } = request;
    const { signal } = this.#stop;
    const env = { ...this.#options.env, GIT_NO_LAZY_FETCH: '0' };
    const { places } = this.#options;
    const parent = dirname(top);
    const refused = await places.problemOf(top);
    if (refused !== null) throw failed(request, refused, undefined);
    let created: string | undefined;
    let scratch: string | undefined;
    try {
      created = await mkdir(parent, { recursive: true });
      // A link on the way may have been put there meanwhile.
      const moved = await places.problemOf(top);
      if (moved !== null) throw new Error(moved);
      // Beside it, so that it can be given its name at once.
      scratch = await mkdtemp(join(parent, `.${basename(top)}-clone-`));
      const settings = protocols.flatMap((setting) => ['-c', `protocol.${setting}`]);
      const chosen = branch === null ? [] : [`--branch=${branch}`];
      const options = ['--quiet', '--no-recurse-submodules', '--template=', ...chosen];
      const target = join(scratch, 'clone');
      const cloned = await git([...settings, 'clone', ...options, '--', remote, target], {
        cwd: scratch,
        env,
        timeoutMs: limitMs,
        signal,
      });
      if (cloned.code !== 0) throw new Error(complaint(cloned));
      const head = await git(['rev-parse', 'HEAD'], { cwd: target, env, signal });
      await rename(target, top);
      const commit = head.stdout.trim();
      this.#made.set(await realpath(top), { commit });
      created = undefined;
    } catch (error) {
      throw failed(request, toBooError(error).message, error);
    } finally {
      if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
      if (created !== undefined) await removeEmpty(parent, created);
    }
  }
}

/** Removes the directory and those above it, up to `last`, as long as they are empty. */
async function removeEmpty(directory: string, last: string): Promise<void> {
  for (let path = directory; path.startsWith(last); path = dirname(path)) {
    const isGone = await rmdir(path).then(
      () => true,
      () => false,
    );
    if (!isGone) return;
  }
}

function failed({ directory, remote, branch }: CloneRequest, why: string, cause?: unknown): BooError {
  const what = `${remote}${branch === null ? '' : ` (branch ${branch})`}`;
  const sentence = `This host could not clone ${what} for the chat’s directory ${directory}: ${why.replace(/\.$/, '')}.`;
  return workspaceMissing(sentence, { remote, branch }, cause);
}

export function workspaceMissing(message: string, details: Record<string, unknown>, cause?: unknown): BooError {
  return new BooError('workspace_missing', message, { cause, details: { field: 'cwd', ...details } });
}
