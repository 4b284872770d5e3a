/**
 * What waits to be done in one chat, and in which order:
 *
 * 1. turns that the agent started by itself, unless an urgent task waits;
 * 2. tasks: work that cannot happen in the middle of a turn, such as a flip;
 * 3. prompts, unless the queue is held.
 *
 * A turn whose process is gone may still wait for a decision. While it is suspended like that, only urgent tasks run, the
 * continuations of other calls, and tasks that say so.
 *
 * Prompts wait in the database. The queue remembers only what it knows about them, so that a prompt can start its turn
 * in the write that stores it, which saves a commit: only the holder of the lease stores prompts, so once the table has
 * none, none waits until the next one is being stored.
 */
import type { AgentEvent } from '../agents/agent-backend.ts';
import type { PromptRow } from '../store/prompts.ts';
import { FencedError } from '../store/storage-error.ts';
import { lettingGo } from './storage.ts';

export type TaskKind = 'continuation' | 'flip' | 'rewind' | 'terminal' | 'warm' | 'worktree';

const needsDirectory: Readonly<Record<TaskKind, boolean>> = {
  continuation: true,
  flip: false,
  rewind: false,
  terminal: true,
  warm: true,
  worktree: false,
};

export interface TaskOptions {
  /** Goes before turns that the agent started by itself. Tasks keep their order among each other. */
  isUrgent?: boolean;
  /** Also runs while a turn is suspended. By default urgent tasks and continuations do. */
  runsSuspended?: boolean;
  /** Goes before all other tasks. */
  isFirst?: boolean;
  /** Withdraws the task, as long as it has not started. The caller gets the signal's reason. */
  signal?: AbortSignal | undefined;
}

interface Task {
  kind: TaskKind;
  isUrgent: boolean;
  runsSuspended: boolean;
  /** It can no longer be withdrawn. */
  begin(): void;
  run(): Promise<void>;
  refuse(error: unknown): void;
}

export type WorkItem =
  | { is: 'unprompted'; events: AsyncIterable<AgentEvent> }
  | { is: 'task'; run: () => Promise<void> }
  | { is: 'prompt'; prompt: PromptRow };

/** What keeps items waiting. */
export interface Pauses {
  /** The queue is held: prompts wait. */
  readonly isHeld: () => boolean;
  /** A budget is spent: nothing is continued either. */
  readonly isSpent: () => boolean;
  /** A turn is suspended until a decision is answered. */
  readonly isSuspended: () => boolean;
  /** This host does not have the chat's directory: only what needs none happens here. */
  readonly isAway: () => boolean;
}

/** What the database last said about the waiting prompts, and how far that still holds. */
interface Answer {
  /** Undefined until it has answered. */
  prompt?: PromptRow | null;
  /** The prompt is still the next. */
  isNext: boolean;
  /** No prompt was being stored at the time, nor has one been since. */
  isComplete: boolean;
}

export class WorkQueue {
  readonly #findPrompt: () => Promise<PromptRow | null>;
  readonly #unprompted: AsyncIterable<AgentEvent>[] = [];
  readonly #tasks: Task[] = [];
  #runningTask: Task | undefined;
  #answer: Answer = { isNext: true, isComplete: false };
  /** Prompts that are being stored. */
  #storing = 0;
  #isClosed = false;
  #onWake = (): void => {};

  /** `findPrompt` looks for the next waiting prompt in the database. */
  constructor(findPrompt: () => Promise<PromptRow | null>) {
    this.#findPrompt = findPrompt;
  }

  /** Sets who is called whenever there may be something to do. */
  consume(onWake: () => void): void {
    this.#onWake = onWake;
  }

  /** Says that there may be something to do. Safe to call at any time. */
  wake(): void {
    this.#onWake();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Throws `shutting_down` once the queue is closed. */
  assertOpen(): void {
    if (this.#isClosed) throw lettingGo();
  }

  /** From here on nothing starts except turns that the agent started by itself. */
  close(): void {
    this.#isClosed = true;
    this.wake();
  }

  /** Takes a `close` back. */
  reopen(): void {
    this.#isClosed = false;
    this.wake();
  }

  /** After `close`: rejects the tasks that have not started. */
  refuseTasks(): void {
    for (const task of this.#tasks.splice(0)) task.refuse(lettingGo());
  }

  addUnprompted(events: AsyncIterable<AgentEvent>): void {
    this.#unprompted.push(events);
    this.wake();
  }

  takeUnprompted(): AsyncIterable<AgentEvent> | undefined {
    return this.#unprompted.shift();
  }

  /** Resolves with what the task returns, once its turn has come. */
  addTask<T>(kind: TaskKind, work: () => Promise<T>, options: TaskOptions = {}): Promise<T> {
    const { isUrgent = false, isFirst = false, signal } = options;
    // An answered call does not wait for the answers to others.
    const { runsSuspended = isUrgent || kind === 'continuation' } = options;
    const done = new Promise<T>((resolve, reject) => {
      const task: Task = {
        kind,
        isUrgent,
        runsSuspended,
        begin: () => signal?.removeEventListener('abort', takeBack),
        refuse: reject,
        run: async () => {
          try {
            resolve(await this.#finish(work));
          } catch (error) {
            reject(error);
            // Another host has the chat now, so nothing more may be done with it.
            if (error instanceof FencedError) throw error;
          }
        },
      };
      const takeBack = (): void => {
        this.#tasks.splice(this.#tasks.indexOf(task), 1);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', takeBack, { once: true });
      if (isFirst) this.#tasks.unshift(task);
      else this.#tasks.push(task);
    });
    this.wake();
    return done;
  }

  /** The running task is over before its caller hears about it. */
  async #finish<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      this.#runningTask = undefined;
    }
  }

  /** A task waits. */
  get hasTask(): boolean {
    return this.#tasks.length > 0;
  }

  /** A task of this kind waits, or runs. */
  has(kind: TaskKind): boolean {
    return this.#pendingTasks.some((task) => task.kind === kind);
  }

  /** An urgent task waits, or runs. */
  get isUrgent(): boolean {
    return this.#pendingTasks.some(({ isUrgent }) => isUrgent);
  }

  get #pendingTasks(): Task[] {
    return this.#runningTask ? [this.#runningTask, ...this.#tasks] : this.#tasks;
  }

  /** Stores a prompt that is to wait. */
  async addPrompt<T>(store: () => Promise<T>): Promise<T> {
    this.#answer.isComplete = false;
    this.#storing += 1;
    try {
      return await store();
    } finally {
      this.#storing -= 1;
    }
  }

  /** Prompts were cancelled or moved. To be called before the next write to the log looks at the queue. */
  promptsEdited(): void {
    this.#answer.isNext = false;
  }

  /** Prompts whose turn is over wait again, before all others. To be called like `promptsEdited`. */
  promptsReturned(): void {
    this.#answer = { isNext: false, isComplete: false };
  }

  /** No prompt waits, and none is being stored. False when that is not known. */
  get hasNoPrompt(): boolean {
    return this.#answer.isComplete && this.#answer.prompt === null;
  }

  /** The prompt that was found last is still the next one. */
  get isPromptNext(): boolean {
    return this.#answer.isNext;
  }

  #takeTask({ isSpent, isSuspended, isAway }: Pauses): Task | undefined {
    const [spent, suspended, away] = [isSpent(), isSuspended(), isAway()];
    const index = this.#tasks.findIndex(
      ({ kind, runsSuspended }) =>
        (!suspended || runsSuspended) && !(away && needsDirectory[kind]) && !(spent && kind === 'continuation'),
    );
    return index < 0 ? undefined : this.#tasks.splice(index, 1)[0];
  }

  /** The next waiting prompt, or null when none waits. */
  async nextPrompt(): Promise<PromptRow | null> {
    const answer: Answer = { isNext: true, isComplete: this.#storing === 0 };
    this.#answer = answer;
    return (answer.prompt = await this.#findPrompt());
  }

  /** Takes the next item; null when there is nothing to do. */
  async next(pauses: Pauses): Promise<WorkItem | null> {
    const { isHeld, isSuspended, isAway } = pauses;
    for (;;) {
      const events = this.isUrgent && !this.#isClosed ? undefined : this.takeUnprompted();
      if (events) return { is: 'unprompted', events };
      if (this.#isClosed) return null;
      const task = this.#takeTask(pauses);
      if (task) {
        task.begin();
        this.#runningTask = task;
        return { is: 'task', run: () => task.run() };
      }
      if (isHeld() || isSuspended() || isAway()) return null;
      const prompt = await this.nextPrompt();
      // A task that arrived in the meantime goes first.
      if (!prompt || !this.hasTask) return prompt && { is: 'prompt', prompt };
    }
  }
}
