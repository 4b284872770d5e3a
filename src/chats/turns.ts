/**
 * A chat's turns: how each starts, runs and ends, and what follows from how it ended. The loop calls this for one
 * turn at a time.
 */
import { type AgentEvent, endWithoutResult } from '../agents/agent-backend.ts';
import { uuidV7 } from '../lib/uuid.ts';
import { BooError, toBooError } from '../protocol/error.ts';
import { type Actor, doneByActor } from '../protocol/principal.ts';
import type { NewPrompt, PromptRow } from '../store/prompts.ts';
import { FencedError, isUniqueViolation, toStorageError } from '../store/storage-error.ts';
import { callsWithoutResult } from './left-turn.ts';
import type { BudgetHold } from './budget-hold.ts';
import { changingChat } from './changes/changing-chat.ts';
import type { ChatContext } from './chat-context.ts';
import { type AfterInterruption, afterInterruption } from './after-interruption.ts';
import type { ChatSession } from './chat-session.ts';
import type { Interruption } from './chat-state-machine.ts';
import { acceptPrompt } from './prompt-acceptance.ts';
import { afterCrashes, maxStarts, maxTries, obstacleOf, type QueueHold, triesOf } from './queue-hold.ts';
import {
  attempt,
  endTurn,
  recordTurn,
  type TurnAftermath,
  type DecisionIds,
  type TurnEnd,
  type TurnOrigin,
  type TurnParts,
  turnStart,
  withCause,
} from './turn.ts';
import { WaitEnded } from './start-place.ts';
import { mayBeUnasked, notTaken, wasAsked } from './unasked.ts';
import { readTraces, withTraces } from './uncounted.ts';

export interface TurnsParts {
  session: ChatSession;
  hold: QueueHold;
  budgetHold: BudgetHold;
  decisions: DecisionIds;
}

interface TurnPlan {
  /** Stores the start; false if the turn must no longer start. */
  readonly start: (turnId: string) => Promise<boolean>;
  readonly begin: (turnId: string) => AsyncIterable<AgentEvent> | TurnEnd;
  /** What the turn starts with; turns that the agent starts by itself have none. */
  prompt?: Pick<PromptRow, 'id' | 'content' | 'starts'> | undefined;
  /** Missing unless it was interrupted before it started. */
  interruption?: Interruption | undefined;
  /** How often it was started, if it continues another one by itself. */
  starts?: number | undefined;
}

/** What a turn continues that the agent starts by itself. */
export interface ContinuedFrom {
  continuesTurnId?: string | undefined;
  /** How often that was started, if it happened by itself: see `Continuation`. */
  starts?: number | undefined;
  /** It was interrupted before it started. */
  interruption?: Interruption | undefined;
}

export class Turns {
  readonly #context: ChatContext;
  readonly #parts: TurnsParts;
  /** Set while the running turn is left to the chat's next holder, who continues it or says why not. */
  #left: AfterInterruption | undefined;
  #isStopping = false;
  /** Of the running turn: how often it was started, if it continues another one by itself. */
  #starts: number | undefined;

  constructor(context: ChatContext, parts: TurnsParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Marks what is starting or running as interrupted, and tells the agent. False if nothing is. */
  async interrupt(actor: Actor): Promise<boolean> {
    const { state } = this.#context;
    const isMarked = state.interrupt(actor);
    if (isMarked) this.#parts.session.place.stopWaiting('interrupted');
    if (state.turn) await state.handle?.interrupt();
    return isMarked;
  }

  /** Ends the running turn with a failure of the host's own. */
  async failTurn(failure: BooError): Promise<void> {
    const { state } = this.#context;
    if (!state.turn || state.turn.interruption) return;
    state.failTurn(failure);
    await state.handle?.interrupt();
  }

  /** Ends the agent's process in the middle of the turn, for the chat's next holder to continue. False if nobody will. */
  async #leave(): Promise<boolean> {
    const { agents, settings, state } = this.#context;
    const { turn, handle } = state;
    if (!turn || turn.interruption || settings.row.onInterrupted === 'stop') return false;
    this.#left = afterInterruption(agents, settings.row, { turnId: turn.id, starts: this.#starts ?? 0 });
    if (this.#left.continuation === null) return false;
    const isLeft = (await handle?.leaveTurn?.()) === true;
    if (!isLeft) this.#left = undefined;
    return isLeft;
  }

  /**
   * The chat stops. Ends the running turn, unless it is left to the chat's next holder, and every one that the agent starts by
   * itself from here on.
   */
  async stop(): Promise<void> {
    const { state } = this.#context;
    this.#isStopping = true;
    if (state.turn && !(await this.#leave())) await state.handle?.interrupt();
  }

  /** Records the waiting turns that the agent started by itself; the first continues another one, if that is named. */
  async recordUnprompted(from?: ContinuedFrom): Promise<void> {
    let continued = from;
    for (let events; (events = this.#context.queue.takeUnprompted()); continued = undefined) {
      await this.runUnprompted(events, continued);
    }
  }

  /** Records a turn that the agent started by itself. */
  async runUnprompted(events: AsyncIterable<AgentEvent>, from?: ContinuedFrom): Promise<void> {
    const { continuesTurnId, starts, interruption } = from ?? {};
    await this.#run({ start: this.#startFor({ continuesTurnId }), begin: () => events, starts, interruption });
  }

  /** Stores a prompt and starts its turn in one write. `onStored` gets the seq of the prompt's event. */
  runAtOnce(
    prompt: NewPrompt,
    { onStored, onRefused }: { onStored: (seq: number) => void; onRefused: (error: unknown) => void },
  ): Promise<void> {
    const { log, settings } = this.#context;
    return this.#run({
      start: async (turnId) => {
        try {
          onStored(await acceptPrompt(log, settings, prompt, turnId));
          return true;
        } catch (error) {
          onRefused(error);
          // A prompt with this id already exists: nothing is stored, and nothing has started.
          if (isUniqueViolation(error, 'prompts')) return false;
          throw error;
        }
      },
      begin: (turnId) => this.#ask(turnId, prompt),
      prompt: { ...prompt, starts: 1 },
    });
  }

  /** Runs the turn of a waiting prompt, or holds the queue if the turn cannot start. */
  async runPrompt(prompt: PromptRow): Promise<void> {
    const { queue } = this.#context;
    const { hold } = this.#parts;
    const isNext = (): boolean => queue.isPromptNext;
    if (prompt.starts >= maxStarts) return hold.hold(afterCrashes(prompt.starts), isNext);
    const starts = prompt.starts + 1;
    const { failure, interruption } = await this.#prepare(prompt.id, starts);
    // It was cancelled, or something else goes first, before a place for its agent was free.
    if (failure instanceof WaitEnded && !interruption) return;
    // It keeps waiting, for the next host or for a task, which may be what helps. This does not count as an attempt.
    const isPutOff = queue.isClosed || (queue.hasTask && !interruption);
    if (isPutOff) return hold.countStart(prompt.id, prompt.starts);
    if (failure && !interruption) {
      if (starts < triesOf(failure)) return;
      return hold.hold({ reason: obstacleOf(failure), message: failure.message }, isNext);
    }
    // The session may have told what it had spent before.
    if (!interruption && (await this.#parts.budgetHold.holds(isNext))) return hold.countStart(prompt.id, prompt.starts);
    await this.#run({
      start: this.#startFor({ prompt: { id: prompt.id, starts, isWaiting: true } }),
      begin: (turnId) => this.#ask(turnId, prompt),
      prompt: { ...prompt, starts },
      interruption,
    });
  }

  /** Makes the session ready for a prompt, which can be interrupted meanwhile. */
  async #prepare(
    promptId: string,
    starts: number,
  ): Promise<{ failure: BooError | undefined; interruption: Interruption | undefined }> {
    const { state } = this.#context;
    const { session, hold } = this.#parts;
    let failure: BooError | undefined;
    let interruption: Interruption | undefined;
    state.start();
    try {
      // Counted first, so that an attempt that kills the host counts too.
      await session.warm('prompt', () => hold.countStart(promptId, starts));
    } catch (error) {
      if (error instanceof FencedError) throw error;
      failure = toBooError(toStorageError(error));
    } finally {
      interruption = state.end();
    }
    return { failure, interruption };
  }

  #ask(turnId: string, { content }: Pick<PromptRow, 'content'>): AsyncIterable<AgentEvent> | TurnEnd {
    if (!this.#isWanted) return endWithoutResult('interrupted');
    const { handle } = this.#context.state;
    if (!handle) throw new BooError('agent_failed', 'The agent process has ended. Send the prompt again.');
    return handle.prompt({ turnId, content });
  }

  /** Neither was the turn interrupted, nor is the chat being released. */
  get #isWanted(): boolean {
    const { state, queue } = this.#context;
    return !queue.isClosed && !state.turn?.interruption;
  }

  /** Hands the prompt over while it is being stored, if the agent can keep it to itself that long. */
  #askAhead(turnId: string, { content }: Pick<PromptRow, 'content'>, isStored: Promise<boolean>) {
    if (!this.#isWanted) return undefined;
    return this.#context.state.handle?.promptAhead?.({ turnId, content }, isStored);
  }

  /**
   * The prompt was not stored, or is not wanted: the agent has kept it to itself, and is ready again once its turn has
   * ended.
   */
  async #withdraw(ahead: AsyncIterable<AgentEvent> | undefined): Promise<void> {
    if (!ahead) return;
    await this.#context.state.handle?.interrupt();
    for await (const event of ahead) if (event.type === 'turn_finished') return;
  }

  #startFor({ prompt, continuesTurnId }: TurnOrigin) {
    const { log, queue } = this.#context;
    // It may have been cancelled while its agent started, or another prompt was moved before it.
    const isNext = (): boolean => prompt === undefined || queue.isPromptNext;
    return async (turnId: string) =>
      (await log.appendIf(() => (isNext() ? turnStart(log, turnId, { prompt, continuesTurnId }) : null))) !== null;
  }

  async #run({ start, begin, prompt, interruption, starts }: TurnPlan): Promise<void> {
    const { log, settings, state, waits } = this.#context;
    // Told from the program's own ids in a transcript.
    const turnId = uuidV7();
    const parts: TurnParts = {
      log,
      turnId,
      settings,
      waits,
      decisions: this.#parts.decisions,
      signs: { isTaken: false, isBegun: false },
    };
    this.#starts = starts;
    state.beginTurn(turnId, interruption);
    let hasBegun = false;
    try {
      const stored = start(turnId);
      const recorded = this.#recordFiles(turnId, stored);
      const isWanted = Promise.all([stored, prompt && recorded]).then(([is]) => is && this.#isWanted);
      const ahead = prompt && this.#askAhead(turnId, prompt, isWanted);
      const isAsked = await isWanted;
      if (!isAsked) await this.#withdraw(ahead);
      if (!(await stored)) return;
      hasBegun = true;
      const begun = (isAsked ? ahead : undefined) ?? attempt(() => begin(turnId));
      const said = withCause('type' in begun ? begun : await this.#record(parts, begun), state.turn?.failure);
      const { end, ...stopped } = this.#parts.budgetHold.afterTurn(said);
      if (prompt && (await this.#isUnasked(parts, end, prompt))) await this.#giveBack(parts, end, prompt);
      else {
        const counted = await this.#count(turnId, end);
        const { continuation, error = counted.end.error } = this.#afterLeaving(end);
        await endTurn(
          parts,
          { ...counted.end, error },
          {
            ...this.#aftermath(parts, end, prompt),
            ...stopped,
            continuation,
            events: counted.events,
            unpriced: counted.unpriced,
            interruptedBy: this.#interruptedBy,
          },
        );
        // Whether the chat goes on when the limit resets is its own setting.
        if (end.obstacle?.reason === 'usage_limit' && state.handle?.retriesAtReset) await this.#parts.session.close();
      }
    } finally {
      const { settings: now, workspaces } = this.#context;
      if (hasBegun) workspaces.changes.afterTurn(changingChat(now.rowHere), turnId);
      state.end();
    }
  }

  async #record(parts: TurnParts, events: AsyncIterable<AgentEvent>): Promise<TurnEnd> {
    const recorded = recordTurn(parts, events);
    const [end] = await Promise.all([recorded, this.#isStopping && this.#context.state.handle?.interrupt()]);
    return end;
  }

  /** Resolves once the agent may change files; the snapshot of a turn that it began by itself is a moment late. */
  #recordFiles(turnId: string, isStored: Promise<boolean>): Promise<void> {
    const { settings, workspaces } = this.#context;
    return workspaces.changes.atTurn(changingChat(settings.rowHere), turnId, isStored);
  }

  /** Whether the chat's next holder continues the turn, and why it ended. */
  #afterLeaving({
    outcome,
    keptDecisionIds = [],
  }: TurnEnd): Pick<TurnAftermath, 'continuation'> & Pick<TurnEnd, 'error'> {
    const isOver = outcome !== 'interrupted' || this.#context.state.turn?.interruption || keptDecisionIds.length > 0;
    if (!this.#left || isOver) return this.#starts === undefined ? {} : { continuation: null };
    const { continuation, next } = this.#left;
    const message = `The host was stopped while this turn was running. ${next}`;
    return { continuation, error: { code: 'host_restarted', message } };
  }

  get #interruptedBy() {
    const actor = this.#context.state.turn?.interruption?.by;
    return actor && doneByActor(actor);
  }

  /** Whether the turn's prompt never reached the agent. If that may be so, the session is closed. */
  async #isUnasked({ signs, turnId }: TurnParts, end: TurnEnd, prompt: Pick<PromptRow, 'content'>): Promise<boolean> {
    const { log, settings, state } = this.#context;
    if (signs.isTaken || end.isTaken || !mayBeUnasked(end, state.turn?.interruption !== undefined)) return false;
    // After a clean close it has written everything, and the next try gets a fresh process.
    await this.#parts.session.close();
    return !(await wasAsked({ ...this.#context, lease: log.lease, chat: settings.rowHere }, turnId, prompt));
  }

  /** The prompt waits again; the queue is held if that has happened before. */
  async #giveBack(parts: TurnParts, end: TurnEnd, { id, starts }: Pick<PromptRow, 'id' | 'starts'>): Promise<void> {
    const { isClosed } = this.#context.queue;
    const { hold } = this.#parts;
    const isLast = starts >= maxTries && !isClosed;
    const message = `The agent did not accept the prompt. ${end.error?.message ?? ''}`.trim();
    await endTurn(parts, endWithoutResult('interrupted', notTaken()), {
      // A server that stops cleanly is not a failed attempt.
      interruptedBy: this.#interruptedBy,
      requeued: { id, starts: isClosed ? starts - 1 : starts },
      hold: isLast ? () => hold.holding({ reason: 'agent', message }) : undefined,
    });
  }

  /** Adds what a turn without a result has used. */
  async #count(turnId: string, end: TurnEnd): Promise<ReturnType<typeof withTraces>> {
    const { sql, log, settings, agents } = this.#context;
    const { uncounted } = end;
    if (!uncounted) return { end, events: [] };
    const { chatId } = log.lease;
    return log.ask(async () => {
      const traces = agents.agentFor(settings.row.agent).createTurnTraces(uncounted.except);
      await readTraces(sql, { chatId, turnId }, traces);
      const counted = withTraces(turnId, end, traces);
      const open = await callsWithoutResult(sql, turnId, traces, 'the agent’s process');
      return { ...counted, events: [...open, ...counted.events] };
    });
  }

  #aftermath({ signs }: TurnParts, { outcome, obstacle, error }: TurnEnd, prompt?: { id: string }): TurnAftermath {
    if (outcome !== 'failed' || !obstacle) return {};
    const failed = { promptId: prompt?.id ?? null, isBegun: signs.isBegun };
    return { hold: () => this.#parts.hold.afterTurn(obstacle, error?.message ?? '', failed) };
  }
}
