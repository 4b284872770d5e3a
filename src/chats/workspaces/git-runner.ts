/**
 * Where git is started from: a small process of the host's own. To start a process Node copies the page tables of the one
 * that starts it, and everything waits for that: 5 ms in a small process, 25 ms in a host of 350 MB, for each of the
 * dozen that a turn's snapshots need. The small one ends with the host, however that ends, and ends what runs then.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { GitAnswer, GitEnd, GitRun } from './git-helper.js';

export type RunResult = NonNullable<GitAnswer['result']>;

interface Waiting {
  resolve: (result: RunResult) => void;
  reject: (error: Error) => void;
}

const program = fileURLToPath(new URL('./git-helper.js', import.meta.url));

export class GitRunner {
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #helper: ChildProcess | undefined;

  /** Rejects if git cannot be started, takes too long, or is stopped; nothing of it is left then. */
  async run(request: Omit<GitRun, 'id'>, signal?: AbortSignal): Promise<RunResult> {
    if (signal?.aborted) throw stopped(signal);
    const id = ++this.#lastId;
    const stop = (): void => this.#send({ end: id });
    signal?.addEventListener('abort', stop, { once: true });
    try {
      return await new Promise<RunResult>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        this.#send({ id, ...request });
        this.#keepAlive();
      });
    } catch (error) {
      throw signal?.aborted ? stopped(signal) : error;
    } finally {
      signal?.removeEventListener('abort', stop);
      this.#waiting.delete(id);
      this.#keepAlive();
    }
  }

  #send(message: GitRun | GitEnd): void {
    this.#helper ??= this.#start();
    const helper = this.#helper;
    helper.send(message, (error) => {
      if (error) this.#lose(helper, error);
    });
  }

  #start(): ChildProcess {
    const helper = fork(program, [], {
      cwd: '/',
      // Nothing of the host's environment, and out of reach of a Ctrl-C.
      env: {},
      execArgv: [],
      detached: true,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    helper.on('message', (answer) => this.#settle(answer as GitAnswer));
    helper.once('error', (error) => this.#lose(helper, error));
    helper.once('disconnect', () => this.#lose(helper, new Error('The process that runs git has ended.')));
    return helper;
  }

  #settle({ id, result, failure }: GitAnswer): void {
    const waiting = this.#waiting.get(id);
    if (result) waiting?.resolve(result);
    else waiting?.reject(Object.assign(new Error(failure?.message), { code: failure?.code }));
  }

  /** The next run starts another one. */
  #lose(helper: ChildProcess, why: Error): void {
    if (this.#helper !== helper) return;
    this.#helper = undefined;
    for (const { reject } of this.#waiting.values()) reject(why);
  }

  /** A host may end as soon as it waits for nothing. */
  #keepAlive(): void {
    const { channel } = this.#helper ?? {};
    if (this.#waiting.size > 0) {
      this.#helper?.ref();
      channel?.ref();
    } else {
      this.#helper?.unref();
      channel?.unref();
    }
  }
}

const stopped = (signal: AbortSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new Error('git was stopped');
