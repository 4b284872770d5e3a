/** One warm query: a live `claude` process that gets one user message per turn, and whose frames become AgentEvents. */
import type { Query, SDKUserMessage, WarmQuery } from '@anthropic-ai/claude-agent-sdk';
import { createPushable } from '../../lib/pushable.ts';
import { hasDeathSignal } from '../../lib/process-identity.ts';
import { within } from '../../lib/within.ts';
import { type Effort, type PermissionMode, permissionModes } from '../../protocol/chat.ts';
import { BooError } from '../../protocol/error.ts';
import {
  type AgentEvent,
  type AgentPrompt,
  type AgentSession,
  type AnswerCheck,
  type DecisionAnswer,
  endWithoutResult,
} from '../agent-backend.ts';
import { defaultModel, modelToStart } from '../claude/default-model.ts';
import { answerAside } from './answer-aside.ts';
import { deferCall, dropRest, endCall } from '../claude/files/defer-call.ts';
import type { OpenCalls } from '../claude/files/open-calls.ts';
import { repositoryRoot } from '../claude/files/directory-content.ts';
import { configDirOf } from '../claude/files/transcript-file.ts';
import { assertDirectory } from '../claude/files/working-directory.ts';
import { heldProvider } from '../claude/held-provider.ts';
import { oneOf } from '../claude/mapping/loose-json.ts';
import { baselineOf } from '../claude/mapping/model-costs.ts';
import { inboundSetting } from '../claude/program-settings.ts';
import { loadSdk } from '../claude/sdk.ts';
import { tellLeftSchedules } from '../claude/transcript-schedules.ts';
import { type LifePhase, SessionLife } from '../claude/session-life.ts';
import { endedCall, isForOneCall, isWaiting, mustAsk } from './continued-call.ts';
import { startOptions, type StartOptionsParts } from './start-options.ts';
import { toUserMessage } from './user-message.ts';
import { type SdkSessionParts, type WiredSession, wireSession } from './wire-session.ts';

/** The SDK's own start limit gives no reason when it is hit, and any other counts the time of hooks. This disables it. */
const longestMs = 2 ** 31 - 1;

export class SdkSession implements AgentSession {
  readonly #parts: SdkSessionParts;
  readonly #wired: WiredSession;
  readonly #life = new SessionLife();
  readonly #input = createPushable<SDKUserMessage>();
  #isSuspended = false;
  /** Questions beside the conversation that are being answered. */
  #asides = 0;
  /** Calls that were given a result because nobody will continue them. */
  readonly #ended: string[] = [];
  /** Set once it is open. `read` resolves when nothing more comes from the query. */
  #running: { query: Query; read: Promise<void> } | undefined;

  constructor(parts: SdkSessionParts) {
    this.#parts = parts;
    this.#wired = wireSession(parts, () => this.#query);
  }

  get #query(): Query | undefined {
    return this.#running?.query;
  }

  get isBusy(): boolean {
    if (this.#life.phase.is === 'over') return false;
    return (
      this.#asides > 0 ||
      this.#wired.turns.hasBackgroundTasks ||
      this.#wired.transcript.isDirty ||
      this.#wired.turns.current !== undefined
    );
  }

  get hasOwnSchedule(): boolean {
    return this.#wired.wakeUps.hasOwn;
  }

  get wakesInMs(): number | null {
    return this.#wired.wakeUps.nextMs;
  }

  get isForOneCall(): boolean {
    return this.#parts.continuesFor !== undefined || isForOneCall(this.#parts.spec);
  }

  open(): Promise<void> {
    return this.#life.open(() => this.#open());
  }

  async #open(): Promise<void> {
    const { changes, turns } = this.#wired;
    try {
      const { warm, title, moved } = await this.#start();
      this.#life.assertWanted();
      const query = warm.query(this.#input.iterable);
      this.#life.move({ is: 'open' });
      this.#running = { query, read: this.#read(query) };
      changes.begin(title);
      if (moved) turns.route(moved);
      const { spec, limits } = this.#parts;
      // A sub-agent may think for long before it asks.
      if (spec.continues) turns.beginContinued(spec.continues.asksAgain ? null : limits.startMs);
      else if (spec.continuesTurn) turns.beginContinuedTurn(limits.continueMs);
      this.#tellEnded();
    } catch (error) {
      if (this.#life.phase.is === 'opening') this.#life.move({ is: 'over' });
      throw error;
    }
  }

  /** Those whose result the log lacks. */
  #tellEnded(): void {
    const { continues, continuesTurn } = this.#parts.spec;
    // Without a turn that the result belongs to, it is for the model alone.
    if (!continues && !continuesTurn) return;
    const { finishedCallIds = [] } = continues ?? {};
    for (const id of this.#ended) if (!finishedCallIds.includes(id)) this.#wired.turns.route(endedCall(id));
  }

  async #start() {
    const { spec } = this.#parts;
    const { env, directory, process, startWatch, transcript, sideFiles, turns } = this.#wired;
    await assertDirectory(spec.cwd);
    await this.#dropRest();
    const found = await transcript.reconcile();
    await tellLeftSchedules(spec, found?.schedules);
    await sideFiles.open();
    const baseline = baselineOf(found?.costState);
    turns.open(baseline);
    const isKnown = found !== null;
    if (isKnown) await spec.onResumed?.(baseline.models);
    const continuedTool = await this.#prepareCall(found?.calls);
    const model = await modelToStart({ ...spec, isKnown }, env);
    const moved = await directory.begin(found?.worktree);
    this.#life.assertWanted();
    try {
      return { warm: await this.#warmUp({ isKnown, model, continuedTool }), title: found?.title, moved };
    } catch (error) {
      await process.end();
      this.#life.assertWanted();
      const what = `The agent could not start in ${spec.cwd}${model === null ? '' : ` with the model ${model}`}`;
      throw startWatch.failure ?? process.failure(what, error);
    }
  }

  /** Of the call that is to be continued, no result may count: its answer was never given. */
  async #dropRest(): Promise<void> {
    const { spec } = this.#parts;
    const { env, turns } = this.#wired;
    if (!spec.continues) return;
    await dropRest({ ...spec, sessionId: turns.sessionId }, configDirOf(env), spec.continues.toolCallId);
  }

  /**
   * The program asks about the call that is to be continued, and about no other one that it still knows of. Resolves with
   * the tool's name.
   */
  async #prepareCall(calls: OpenCalls | undefined): Promise<string | undefined> {
    const { spec } = this.#parts;
    const { env, incoming, permissions, turns } = this.#wired;
    const deferred = calls?.deferredId;
    if (deferred !== undefined && !isWaiting(spec, deferred)) permissions.abandon(deferred);
    if (!spec.continues) {
      // It may have run already, and the program would run it again, without a question where its mode allows it.
      if (calls && deferred !== undefined) await this.#endCall(calls, deferred);
      return undefined;
    }
    const { toolCallId, asksAgain } = spec.continues;
    const call = calls?.find(toolCallId);
    if (!calls || !call)
      throw new BooError('agent_failed', 'The call has run, or the session has continued without it.');
    const [session, configDir] = [{ ...spec, sessionId: turns.sessionId }, configDirOf(env)];
    for (const id of calls.ids) {
      if (!isWaiting(spec, id)) await this.#endCall(calls, id);
    }
    if (calls.ids.some((id) => id !== toolCallId && !this.#ended.includes(id))) incoming.holdBack();
    // It may run without a question.
    if (!mustAsk(spec) && !asksAgain) await spec.continues.onAsked();
    await deferCall(session, configDir, toolCallId, call);
    return call.toolName;
  }

  async #endCall(calls: OpenCalls, id: string): Promise<void> {
    const { env, turns } = this.#wired;
    await endCall({ ...this.#parts.spec, sessionId: turns.sessionId }, configDirOf(env), id, calls.find(id)!);
    this.#ended.push(id);
  }

  async #warmUp(start: Pick<StartOptionsParts, 'isKnown' | 'model' | 'continuedTool'>): Promise<WarmQuery> {
    const { spec, dataDir } = this.#parts;
    const { startWatch } = this.#wired;
    const held = await heldProvider(spec, this.#wired.env);
    // In a repository files are rewound by snapshots: each prompt would only add a line with every file edited so far.
    const keepsBackups = (await repositoryRoot(spec.cwd)) === null;
    this.#life.assertWanted();
    startWatch.begin();
    const options = startOptions({ ...this.#wired, ...start, spec, dataDir, held, keepsBackups });
    const warm = await loadSdk()
      .startup({ options, initializeTimeoutMs: longestMs })
      .finally(() => startWatch.close());
    this.#life.assertWanted();
    return warm;
  }

  async *prompt(prompt: AgentPrompt): AsyncGenerator<AgentEvent> {
    this.#life.assertAlive();
    yield* this.#send(prompt);
  }

  promptAhead(prompt: AgentPrompt, isStored: Promise<boolean>): AsyncIterable<AgentEvent> | undefined {
    const { incoming, turns } = this.#wired;
    // Without the signal, the program would outlive a host that is killed, and could run tools for a prompt that is lost.
    const canWait = this.#life.isUp && incoming.canHold(prompt.content) && hasDeathSignal();
    // It could be taken up in the middle of a turn that is the agent's own.
    if (!canWait || turns.current || turns.hasBackgroundTasks) return undefined;
    return this.#send(prompt, isStored);
  }

  #send(prompt: AgentPrompt, isStored?: Promise<boolean>): AsyncIterable<AgentEvent> {
    const turn = this.#wired.turns.expect(prompt, isStored);
    this.#input.push(toUserMessage(prompt, this.#wired.turns.sessionId));
    return turn.out.iterable;
  }

  async askAside(question: string, signal: AbortSignal): Promise<string> {
    this.#life.assertAlive();
    const { query } = this.#running!;
    this.#asides += 1;
    try {
      return await answerAside(query, question, signal);
    } finally {
      this.#asides -= 1;
    }
  }

  keptRules(decisionId: string): readonly string[] {
    return this.#wired.permissions.keptRules(decisionId);
  }

  checkAnswer(decisionId: string, answer: DecisionAnswer): Promise<AnswerCheck> {
    return this.#wired.permissions.check(decisionId, answer);
  }

  resolve(decisionId: string, answer: DecisionAnswer): boolean {
    // The process is being ended, and could not take it up any more.
    if (this.#isSuspended || this.#wired.process.isGone) return false;
    const isResolved = this.#wired.permissions.resolve(decisionId, answer);
    this.#wired.turns.noteAnswer();
    return isResolved;
  }

  interrupt(): Promise<void> {
    return this.#wired.turns.interrupt();
  }

  async setModel(model: string | null): Promise<void> {
    const wanted = model ?? (await defaultModel(this.#parts.spec, this.#wired.env));
    await this.#answered((query) => query.setModel(wanted));
    this.#wired.changes.noteModel(model);
  }

  /** The program can only reset to the model's own effort, ignoring the user's settings: going back takes a new process. */
  async setEffort(effort: Effort | null): Promise<boolean> {
    if (effort === null) return false;
    await this.#query?.applyFlagSettings({ effortLevel: effort });
    return true;
  }

  async setPermissionMode(mode: PermissionMode): Promise<PermissionMode> {
    const answer = await this.#answered((query) => query.setPermissionMode(mode));
    return oneOf(permissionModes, answer?.mode) ?? mode;
  }

  async setAcceptsAgentMessages(accepts: boolean): Promise<void> {
    await this.#answered((query) => query.applyFlagSettings(inboundSetting(accepts)));
  }

  /** Asks the program for something, watching it between turns as well, when nothing else does. */
  async #answered<T>(ask: (query: Query) => Promise<T>): Promise<T | undefined> {
    if (!this.#query) return undefined;
    this.#wired.watch.check();
    try {
      return await ask(this.#query);
    } catch (error) {
      throw this.#wired.watch.failure ?? error;
    } finally {
      if (!this.#wired.turns.current) this.#wired.watch.stop();
    }
  }

  async suspend(): Promise<boolean> {
    if (!this.#wired.permissions.canLeave || !this.#life.isUp) return false;
    await this.#leave(() => this.#wired.process.kill());
    return true;
  }

  /** SIGTERM has the program write the rest of its transcript, in which the turn stays unfinished. */
  async leaveTurn(): Promise<boolean> {
    if (!this.#wired.turns.current || !this.#life.isUp) return false;
    await this.#leave(() => this.#wired.process.end());
    return true;
  }

  #leave(endProcess: () => void | Promise<void>): Promise<void> {
    this.#isSuspended = true;
    return this.#life.close(() => this.#endMidTurn(endProcess).finally(() => this.#end()));
  }

  async #endMidTurn(endProcess: () => void | Promise<void>): Promise<void> {
    const { incoming, mcp, process, spool, transcript, sideFiles } = this.#wired;
    incoming.close();
    spool.open();
    mcp.close();
    await endProcess();
    await this.#running?.read;
    await process.end();
    transcript.close();
    await sideFiles.close();
    await transcript.end();
  }

  close(): Promise<void> {
    return this.#life.close((before) => this.#close(before).finally(() => this.#end()));
  }

  async #close(before: LifePhase): Promise<void> {
    const { turn, exit } = this.#parts.limits.closeMs;
    const { incoming, transcript, sideFiles, mcp, process, spool, turns } = this.#wired;
    // A program whose input ends while it asks about a prompt goes on with it.
    incoming.close();
    spool.open();
    transcript.close();
    mcp.close();
    if (!this.#running) {
      // It may still be opening and have no process yet; then it starts none.
      await process.end();
      if (before.is === 'opening') await within(exit, before.done);
      await process.end();
      return;
    }
    const { query, read } = this.#running;
    const { current } = turns;
    if (current) {
      await within(turn, this.interrupt());
      await within(turn, current.ended);
      if (incoming.isHolding) process.kill();
    }
    // In this order: input ends, the program writes the rest and exits, the mirror gets that rest, the iterator ends.
    this.#input.close();
    process.endInput();
    const left = await within(exit, read);
    await process.end();
    if (!left) await within(exit, read);
    query.close();
    turns.close();
    if (transcript.isDirty) await transcript.repair();
    await transcript.end();
    await sideFiles.close();
  }

  async #read(query: Query): Promise<void> {
    const { turns, watch, mcp, process, transcript, sideFiles } = this.#wired;
    let cause: unknown;
    try {
      for await (const message of query) turns.take(message);
    } catch (error) {
      cause = error;
    }
    const failure = watch.failure ?? process.failure('The agent process ended', cause);
    watch.close();
    mcp.close();
    // If someone requested the end, the turn was interrupted; otherwise it failed, with its cause.
    const wasInterrupted = this.#isSuspended || (turns.isInterrupting && !watch.failure);
    await turns.end(wasInterrupted ? endWithoutResult('interrupted') : endWithoutResult('failed', failure));
    if (this.#life.isEnding) return;
    transcript.close();
    const done = process.end().then(() => sideFiles.close());
    this.#life.move({ is: 'closing', done });
    await done;
    this.#end();
    this.#parts.spec.onLost(failure);
  }

  #end(): void {
    this.#life.move({ is: 'over' });
    this.#parts.onEnded();
  }
}
