/**
 * Whether a chat's queue is held. A problem that fails a turn, or keeps it from starting, and would fail the next turn
 * too, holds the waiting prompts instead of failing them one by one. The hold is stored in the chat's row, for every
 * host.
 */
import { randomUUID } from 'node:crypto';
import type { Obstacle } from '../agents/agent-backend.ts';
import type { BooError, ErrorCode } from '../protocol/error.ts';
import type { HoldReason, ResumeQueue } from '../protocol/hold.ts';
import { isParked } from '../protocol/is-parked.ts';
import type { SpentBudget } from '../protocol/budget.ts';
import type { DoneBy } from '../protocol/principal.ts';
import type { ChatChanges, StoredHold } from '../store/chats.ts';
import type { NewEvent, Write } from '../store/events.ts';
import { forgetStarts, insertHostPrompt, requeuePrompts, setStarts } from '../store/prompts.ts';
import { FencedError } from '../store/storage-error.ts';
import type { ChatContext } from './chat-context.ts';
import { resumesByItself } from './chat-view.ts';

/** How many hosts may die or be killed while they start a prompt's turn, before its queue is held. */
export const maxStarts = 3;

/** A prompt that its agent did not take is sent once more, to a fresh process. */
export const maxTries = 2;

/** How long to wait when a limit should have been reset and has not. */
const soonestMs = 60_000;

/** Timers cannot wait for longer than some weeks, so a later time is checked once a day. */
const longestDelayMs = 24 * 3_600_000;

export interface NewHold {
  reason: HoldReason;
  message: string;
  resetsAt?: string | undefined;
  promptId?: string;
  sendsAgain?: boolean;
  continues?: boolean;
  budget?: SpentBudget;
}

/** The failed turn: its prompt, if it had one, and whether its agent had started to work. */
export interface FailedTurn {
  promptId: string | null;
  isBegun: boolean;
}

export class QueueHold {
  readonly #context: ChatContext;
  #cancelTimer: (() => void) | undefined;

  constructor(context: ChatContext) {
    this.#context = context;
    this.arm();
  }

  get isHeld(): boolean {
    return this.#context.settings.row.hold !== null;
  }

  /**
   * The part of a write that holds the queue; null if it is already held, unless both are for a budget. Call it when it is the
   * write's turn.
   */
  holding({ reason, message, resetsAt, promptId, sendsAgain = false, continues = false, budget }: NewHold) {
    const { row } = this.#context.settings;
    const isSame = reason === 'budget_spent' && row.hold?.reason === reason;
    if (row.hold && !isSame) return null;
    const now = this.#context.clock.now();
    const isPast = resetsAt !== undefined && Date.parse(resetsAt) <= now.getTime();
    const until = isPast ? new Date(now.getTime() + soonestMs).toISOString() : (resetsAt ?? null);
    const facts = {
      reason,
      message,
      resetsAt: until,
      promptId: promptId ?? null,
      sendsAgain,
      ...(continues && { continues }),
      ...(budget && { budget }),
    };
    return this.#storing(facts);
  }

  #storing(facts: Omit<StoredHold, 'since'>) {
    const { settings, clock } = this.#context;
    const resumesAt = resumesByItself(facts, settings.row) ? facts.resetsAt : null;
    const hold: StoredHold = { ...facts, since: clock.now().toISOString() };
    const event: NewEvent = { body: { type: 'queue_held', ...facts, resumesAt } };
    return { event, chat: { hold } };
  }

  /** After a failed turn: holds the queue if a prompt waits, or if a usage limit says when it resets. */
  afterTurn(obstacle: Obstacle, message: string, { promptId, isBegun }: FailedTurn) {
    const isLimit = obstacle.reason === 'usage_limit';
    const isParked = isLimit && obstacle.resetsAt !== undefined;
    if (this.#context.settings.row.waitingPrompts === 0 && !isParked) return null;
    return this.holding({
      ...obstacle,
      message,
      // A prompt that was too long is too long again.
      ...(promptId !== null && { promptId, sendsAgain: !isBegun && obstacle.reason !== 'context' }),
      continues: isLimit && (isBegun || promptId === null),
    });
  }

  /** Between turns: holds the queue, unless the prompt that was to be run is no longer the next. */
  async hold(hold: NewHold, isNext: () => boolean): Promise<void> {
    await this.#context.log.appendIf(() => {
      const held = isNext() ? this.holding(hold) : null;
      return held && { events: [held.event], chat: held.chat };
    });
  }

  /** Stores the number of attempts to start a prompt's turn, including this one. */
  async countStart(promptId: string, starts: number): Promise<void> {
    const { sql, log } = this.#context;
    const isOurs = await log.ask(() => setStarts(sql, log.lease, promptId, starts));
    if (!isOurs) throw new FencedError(log.lease.chatId);
  }

  async resume({ sendAgain }: ResumeQueue, by: DoneBy): Promise<void> {
    const { log, settings } = this.#context;
    const resumed = await log.appendIf((): Write | null => {
      const { hold } = settings.row;
      if (!hold) return null;
      const again = hold.promptId !== null && (sendAgain ?? hold.sendsAgain) ? [hold.promptId] : [];
      const goesOn = sendAgain === undefined && hold.continues ? goingOn() : null;
      return {
        events: [
          ...(goesOn ? [{ body: { type: 'prompt_accepted' as const, ...goesOn, ...byHost } }] : []),
          resumption(by, again),
        ],
        side: (db) => [
          forgetStarts(db, log.lease),
          ...(goesOn ? [insertHostPrompt(db, log.lease, goesOn)] : []),
          ...(again.length > 0 ? [requeuePrompts(db, log.lease, again, 0)] : []),
        ],
        chat: { hold: null },
      };
    });
    if (resumed) this.#context.queue.wake();
  }

  /**
   * Before a prompt is stored: a chat that is only parked, by a limit that has reset by now, takes it as usual. If the
   * chat is set to go on, it does so first: its timer may be about to fire.
   */
  async releaseIfReset(): Promise<void> {
    const { settings, clock } = this.#context;
    const { hold, waitingPrompts, resumeAtReset } = settings.row;
    if (hold?.reason !== 'usage_limit' || !hold.resetsAt || waitingPrompts > 0) return;
    if (Date.parse(hold.resetsAt) > clock.now().getTime()) return;
    await this.resume(resumeAtReset ? {} : { sendAgain: false }, byHost);
  }

  /** Adds the end of the hold to an edit after which no prompt waits: the next prompt may try again, unless it is known when. */
  withEdit(write: Write | null): Write | null {
    const { hold, waitingPrompts, resumeAtReset } = this.#context.settings.row;
    const cancels = write?.events.filter(({ body }) => body.type === 'prompt_cancelled').length ?? 0;
    if (!write || !hold || cancels === 0 || waitingPrompts > cancels) return write;
    if (isParked(hold) || (resumeAtReset && hold.resetsAt !== null)) return write;
    return { ...write, events: [...write.events, resumption(byHost)], chat: { ...write.chat, hold: null } };
  }

  /** Settings have changed, which may have solved the problem. Only a person continues a stopped turn before the reset. */
  async noteChanges(changes: ChatChanges): Promise<void> {
    if (changes.resumeAtReset !== undefined) this.arm();
    const { hold } = this.#context.settings.row;
    if (!hold || hold.continues) return;
    if (remedies[hold.reason]?.some((field) => changes[field] !== undefined)) await this.resume({}, byHost);
  }

  /** The agent has forgotten these prompts: none of them was too long any more, is sent again, or is continued. */
  async noteRewind(promptIds: readonly string[]): Promise<void> {
    const { log, settings } = this.#context;
    if (settings.row.hold?.reason === 'context') return this.resume({ sendAgain: false }, byHost);
    await log.appendIf(() => {
      const { hold } = settings.row;
      if (!hold || !(hold.continues || (hold.promptId !== null && promptIds.includes(hold.promptId)))) return null;
      const { continues: _continues, since: _since, ...facts } = hold;
      const { event, chat } = this.#storing({ ...facts, promptId: null, sendsAgain: false });
      return { events: [event], chat };
    });
  }

  /** Call this whenever the hold or `resumeAtReset` may have changed. */
  arm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const { hold, resumeAtReset } = this.#context.settings.row;
    if (!hold?.resetsAt || !resumesByItself(hold, { resumeAtReset })) return;
    const leftMs = Date.parse(hold.resetsAt) - this.#context.clock.now().getTime();
    const delayMs = Math.min(Math.max(leftMs, 0), longestDelayMs);
    this.#cancelTimer = this.#context.clock.after(delayMs, () => {
      if (delayMs < leftMs) this.arm();
      else this.resume({}, byHost).catch(this.#context.fail);
    });
  }

  /** The chat leaves this host, and the timer is its next host's. */
  stop(): void {
    this.#cancelTimer?.();
  }
}

const byHost: DoneBy = { by: 'host' };

/** Asks the agent to continue the turn that the limit has stopped: its transcript has all that was said and done. */
const goOn = 'A usage limit stopped you. Continue with what you were doing.';

const goingOn = () => ({ promptId: randomUUID(), content: [{ type: 'text' as const, text: goOn }] });

function resumption(by: DoneBy, requeued: string[] = []): NewEvent {
  return { body: { type: 'queue_resumed', ...by, ...(requeued.length > 0 ? { requeuedPromptIds: requeued } : {}) } };
}

/** Settings whose change may solve the problem. */
const remedies: Partial<Record<HoldReason, readonly (keyof ChatChanges)[]>> = {
  agent: ['backend'],
  directory: ['cwd'],
  model_not_found: ['model'],
  usage_limit: ['model'],
};

/** How often to try to start a prompt's turn despite such a failure. A process that died gets a second chance. */
export function triesOf(failure: BooError): number {
  if (failure.code === 'storage_unavailable') return maxStarts;
  return failure.code === 'agent_failed' ? maxTries : 1;
}

export function afterCrashes(times: number): NewHold {
  const message = `The host ended ${times} times while the next prompt was begun. Cancel that prompt, or resume to try again.`;
  return { reason: 'crashes', message };
}

const reasons: Partial<Record<ErrorCode, HoldReason>> = {
  cwd_invalid: 'directory',
  agent_login_required: 'sign_in',
  storage_unavailable: 'storage',
};

/** An agent that cannot be started is never the prompt's fault. */
export function obstacleOf(error: BooError): HoldReason {
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS') return 'storage';
  return reasons[error.code] ?? 'agent';
}
