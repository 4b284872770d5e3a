/**
 * In a sandbox, a repository's hooks and configuration are only read. But git looks for a file `commondir` in its directory, and
 * takes both from wherever that says. An ordinary repository has none, and a file that does not exist cannot be protected: so
 * whatever appears under that name is removed at once.
 */
import { type FSWatcher, lstatSync, rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import { BooError } from '../../protocol/error.ts';

interface Watched {
  watcher: FSWatcher;
  /** Of whoever came last. */
  onRemoved: () => void;
}

export class GitGuard {
  readonly #watched = new Map<string, Watched>();

  /**
   * `git` is the git directory of a repository, not of a worktree. It is watched from here on, as others may still be in a
   * sandbox with it. Throws `agent_failed` if the system lets nothing more be watched.
   */
  protect(git: string, onRemoved: () => void): void {
    const watched = this.#watched.get(git);
    if (watched) watched.onRemoved = onRemoved;
    else {
      const watcher = this.#watch(git);
      // The repository is gone, and is watched again when it is there again.
      watcher.on('error', () => this.#forget(git));
      this.#watched.set(git, { watcher, onRemoved });
    }
    this.#clean(git);
  }

  #watch(git: string): FSWatcher {
    try {
      return watch(git, { persistent: false }, () => this.#clean(git));
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      throw new BooError(
        'agent_failed',
        `The sandbox has to watch ${git} and cannot (${code}): raise fs.inotify.max_user_watches and max_user_instances.`,
        { cause },
      );
    }
  }

  #clean(git: string): void {
    const path = join(git, 'commondir');
    if (!lstatSync(git, { throwIfNoEntry: false })) return this.#forget(git);
    if (!lstatSync(path, { throwIfNoEntry: false })) return undefined;
    rmSync(path, { recursive: true, force: true });
    return this.#watched.get(git)?.onRemoved();
  }

  #forget(git: string): void {
    this.#watched.get(git)?.watcher.close();
    this.#watched.delete(git);
  }
}
