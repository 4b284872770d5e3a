/**
 * Does a chat's work, one item of its queue at a time, until the queue is empty. After the idle limit it closes
 * the session and releases the chat.
 */
import type { Asides } from './aside.ts';
import type { BudgetHold } from './budget-hold.ts';
import type { ChatContext } from './chat-context.ts';
import type { ChatSession } from './chat-session.ts';
import { idleLimitMs, ownIdleLimitMs } from './idle-limit.ts';
import type { QueueHold } from './queue-hold.ts';
import type { Turns } from './turns.ts';
import type { OpenDecisions } from './open-decisions.ts';
import type { Pauses, WorkItem } from './work-queue.ts';

export interface ChatLoopParts {
  session: ChatSession;
  hold: QueueHold;
  budgetHold: Pick<BudgetHold, 'look' | 'isHolding'>;
  decisions: Pick<OpenDecisions, 'isWaiting'>;
  turns: Turns;
  asides: Pick<Asides, 'isAnswering'>;
  /** The chat is cold and has nothing to do. */
  readonly onRest: () => void;
}

export class ChatLoop {
  readonly #context: ChatContext;
  readonly #parts: ChatLoopParts;
  readonly #pauses: Pauses;
  #running: Promise<void> | undefined;
  /** There may be something new in the queue. */
  #isWoken = false;
  #cancelIdle: (() => void) | undefined;
  #endSleep: (() => void) | undefined;
  #idleSinceMs = 0;
  #restSinceMs = 0;

  constructor(context: ChatContext, parts: ChatLoopParts) {
    this.#context = context;
    this.#parts = parts;
    this.#pauses = {
      isHeld: () => parts.hold.isHeld,
      isSpent: () => parts.budgetHold.isHolding,
      isSuspended: () => parts.decisions.isWaiting,
      isAway: () => context.settings.missing !== undefined,
    };
    context.queue.consume(() => this.#wake());
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Runs this before everything in the queue. Only while the loop is not running. */
  startWith(first: () => Promise<void>): void {
    this.#isWoken = true;
    this.#start(() => this.#turn(first));
  }

  /** For an item that waits for something outside: resolves after `ms`, when the queue is woken, or when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        signal?.removeEventListener('abort', end);
        this.#endSleep = undefined;
        resolve();
      };
      const cancel = this.#context.clock.after(ms, end);
      signal?.addEventListener('abort', end);
      this.#endSleep = end;
    });
  }

  /** After the queue is closed: waits for the running item, and refuses the tasks that have not started. */
  async ended(): Promise<void> {
    await this.#running;
    this.#context.queue.refuseTasks();
  }

  #wake(): void {
    this.#endSleep?.();
    this.#isWoken = true;
    const { queue } = this.#context;
    if (queue.isClosed || queue.hasTask) this.#parts.session.place.stopWaiting(queue.isClosed ? 'closed' : 'overtaken');
    if (queue.isClosed) this.#cancelIdle?.();
    else if (!this.#running) this.#start();
  }

  #start(first?: () => Promise<void>): void {
    const { queue, fail } = this.#context;
    this.#cancelIdle?.();
    this.#running = this.#run(first)
      .catch(fail)
      .finally(() => {
        this.#running = undefined;
        this.#restSinceMs = this.#context.clock.monotonicMs();
        if (queue.isClosed) return;
        if (this.#isWoken) this.#start();
        else this.#armIdle();
      });
  }

  async #run(first?: () => Promise<void>): Promise<void> {
    await first?.();
    while (this.#isWoken) {
      this.#isWoken = false;
      for (let item; (item = await this.#next());) await this.#do(item);
    }
  }

  async #next(): Promise<WorkItem | null> {
    const looking = this.#parts.budgetHold.look();
    if (looking) await looking;
    return this.#context.queue.next(this.#pauses);
  }

  #do(item: WorkItem): Promise<void> {
    switch (item.is) {
      case 'unprompted':
        return this.#turn(() => this.#parts.turns.runUnprompted(item.events));
      case 'task':
        return item.run();
      case 'prompt':
        return this.#turn(() => this.#parts.turns.runPrompt(item.prompt));
    }
  }

  async #turn(run: () => Promise<void>): Promise<void> {
    const { session } = this.#parts;
    session.use();
    await run().finally(() => session.place.leave());
    await session.noteBranch();
  }

  /** Its agent has work that would end with its process, or will soon be told what it has scheduled. */
  get #isNeeded(): boolean {
    const { isBusy = false, wakesInMs = null, hasOwnSchedule = false } = this.#context.state.handle ?? {};
    const wakesSoon = wakesInMs !== null && wakesInMs <= ownIdleLimitMs(this.#context);
    return isBusy || this.#parts.asides.isAnswering || wakesSoon || hasOwnSchedule;
  }

  /** How long it has done nothing; 0 while it does something. */
  get restMs(): number {
    return this.isRunning ? 0 : this.#context.clock.monotonicMs() - this.#restSinceMs;
  }

  /** How long nothing has happened; null while something does, or while its agent is needed. */
  get idleMs(): number | null {
    const { clock, queue, log } = this.#context;
    const isBusy = this.isRunning || queue.isClosed || log.isBusy || this.#isNeeded;
    return isBusy ? null : clock.monotonicMs() - this.#idleSinceMs;
  }

  /** Another limit applies now, to all of the time that the chat has been idle. */
  setIdleLimit(): void {
    if (!this.#cancelIdle || this.isRunning) return;
    this.#cancelIdle();
    this.#armIdle(this.#idleSinceMs);
  }

  /** Closes an idle session before its time, and releases the chat. */
  async endIdle(): Promise<void> {
    if (this.idleMs === null) return;
    this.#start(() => this.#idle());
    await this.#running;
  }

  #armIdle(sinceMs = this.#context.clock.monotonicMs()): void {
    const { clock, settings } = this.#context;
    this.#idleSinceMs = sinceMs;
    // A host without the chat's directory keeps it from no other.
    const idleMs = clock.monotonicMs() - sinceMs;
    const { isAhead } = this.#parts.session;
    const limitMs = settings.missing ? 0 : idleLimitMs(this.#context, { isAhead, idleMs });
    this.#cancelIdle = clock.after(Math.max(0, limitMs - idleMs), () => {
      if (this.#isNeeded) this.#armIdle();
      else this.#start(() => this.#idle());
    });
    // It may be needed elsewhere.
    this.#context.admission.look();
  }

  async #idle(): Promise<void> {
    const { state, queue, log } = this.#context;
    // Without a session the chat is released at once, before anything else can happen.
    if (state.handle) await this.#parts.session.close();
    if (this.#isWoken || queue.isClosed || log.isBusy || this.#parts.asides.isAnswering) return;
    if (state.session.is === 'cold') this.#parts.onRest();
  }
}
