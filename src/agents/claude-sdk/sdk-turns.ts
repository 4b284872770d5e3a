/**
 * The turns of a query: frames in, AgentEvents out.
 *
 * Frames come whether or not anyone requested a turn. A turn starts with an `init` naming the message it answers. If
 * it names none, the agent started it by itself (a background task ended), and the turn is announced. A message that
 * was sent during such a turn waits for a frame that names it: the next `init`, or any other frame if the program took it up
 * in the middle of its work. What background sub-agents do between turns belongs to no turn.
 */
import { planWindows } from '../claude/mapping/plan-windows.ts';
import type { HeardWindow } from '../../protocol/plan-usage.ts';
import type { SDKMessage, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { BackendName } from '../../protocol/chat.ts';
import { BooError } from '../../protocol/error.ts';
import {
  type AgentEvent,
  type AgentEventOf,
  type AgentPrompt,
  type AgentSessionSpec,
  endWithoutResult,
} from '../agent-backend.ts';
import {
  createTurn,
  isBetweenTurns,
  isInit,
  isPreview,
  isRequest,
  isSign,
  isWork,
  namedBy,
  type ClaudeTurn,
} from '../claude/claude-turn.ts';
import { mapSdkMessage } from '../claude/mapping/map-sdk-message.ts';
import {
  createMappingState,
  type MappingState,
  newTurn,
  withHookStop,
  withInterruptAsked,
} from '../claude/mapping/mapping-state.ts';
import type { RunningTotals } from '../claude/mapping/model-costs.ts';
import { readHookStop } from '../claude/mapping/transcript-line.ts';
import type { PermissionRequests } from '../claude/permission-requests.ts';
import { isAboutGiven } from '../claude/wake-ups.ts';
import type { ProcessWatch } from '../process-watch.ts';
import { asHeldBack, modeToStart } from './continued-call.ts';
import { CountedMessages } from './counted-messages.ts';
import type { IncomingWords } from './incoming-words.ts';
import type { McpStates } from './mcp-states.ts';
import type { SdkTranscript } from './sdk-transcript.ts';
import type { Spending } from './spending.ts';
import type { TypedChanges } from './typed-changes.ts';

export interface SdkTurnsParts {
  spec: AgentSessionSpec;
  /** The one whose session it is, as reported. */
  backend: BackendName;
  interruptMs: number;
  permissions: PermissionRequests;
  incoming: IncomingWords;
  spending: Spending;
  changes: TypedChanges;
  mcp: McpStates;
  transcript: SdkTranscript;
  watch: ProcessWatch;
  /** Has the program interrupt what it is doing. */
  sendInterrupt(): Promise<void>;
  onTurnEnd(): void;
  /** The continued call has a result, whether or not the program asked. */
  readonly onContinued: () => void;
  /** An interrupt has not ended the turn in time. */
  onStuck(): void;
  onPlanUsage(windows: readonly HeardWindow[]): void;
  /** A frame that the SDK's types do not know. */
  countUnmapped(name: string): void;
}

export class SdkTurns {
  readonly #parts: SdkTurnsParts;
  readonly #counted = new CountedMessages();
  #mapping: MappingState;
  #turn: ClaudeTurn | undefined;
  /** Prompted, but not yet started by the program. */
  #waiting: ClaudeTurn | undefined;
  /** The program's own turn, in which nothing has happened so far: perhaps it only reports that it has started. */
  #untold: ClaudeTurn | undefined;
  #interrupting: NodeJS.Timeout | undefined;
  /** Runs until the program has asked about the call that it continues, or has taken up the turn. */
  #continuing: NodeJS.Timeout | undefined;
  #backgroundTasks = 0;

  constructor(parts: SdkTurnsParts) {
    this.#parts = parts;
    this.#mapping = createMappingState({ backend: parts.backend, permissionMode: modeToStart(parts.spec) });
  }

  /** The session is opened. `baseline`: the totals that it continues from. */
  open(baseline: RunningTotals): void {
    this.#mapping = { ...this.#mapping, totals: baseline };
  }

  /** The session that the program is in: it may start another one. */
  get sessionId(): string {
    return this.#mapping.sessionId ?? this.#parts.spec.sessionId;
  }

  /** What its turns have cost, in all. */
  get reportedUsd(): number {
    return this.#mapping.totals.costUsd;
  }

  /** The turn that the chat waits for, or else the one that is running. */
  get current(): ClaudeTurn | undefined {
    return this.#waiting ?? this.#turn;
  }

  /** The chat has taken every event of its turns. */
  get isTaken(): boolean {
    return (this.#turn?.out.isEmpty ?? true) && (this.#waiting?.out.isEmpty ?? true);
  }

  get hasBackgroundTasks(): boolean {
    return this.#backgroundTasks > 0;
  }

  get isInterrupting(): boolean {
    return this.#interrupting !== undefined;
  }

  /**
   * Begins a turn of the chat, whose prompt is about to be sent, perhaps before it is stored. Throws BooError `chat_busy` if
   * there is one already.
   */
  expect(prompt: AgentPrompt, isStored?: Promise<boolean>): ClaudeTurn {
    if (this.#waiting || (this.#turn && this.#turn.id !== null))
      throw new BooError('chat_busy', 'This session is in the middle of a turn.');
    const turn = createTurn(prompt.turnId);
    this.#waiting = turn;
    this.#parts.watch.start();
    this.#parts.incoming.expect(prompt.content, isStored);
    this.#parts.changes.notePrompt(prompt.content);
    return turn;
  }

  /** The program continues a call of an earlier process by itself, in a turn that begins now. */
  beginContinued(limitMs: number | null): void {
    this.#beginUnprompted();
    this.#tellTurn();
    if (limitMs !== null) this.#continuing = setTimeout(() => this.#parts.onStuck(), limitMs);
  }

  /** The program continues a turn of an earlier process by itself, in one that begins now. */
  beginContinuedTurn(limitMs: number): void {
    const turn = this.#beginUnprompted();
    this.#tellTurn();
    // The program submits to itself the prompt again, or words of its own.
    this.#parts.incoming.expect([]);
    this.#continuing = setTimeout(() => this.#finish(turn, endWithoutResult('failed', notContinued())), limitMs);
  }

  /** The program has asked about that call, or run it without asking, as its settings allow it by now. */
  noteContinued(): void {
    clearTimeout(this.#continuing);
    this.#continuing = undefined;
  }

  #noteTurnContinued(): void {
    if (this.#continuing) this.#parts.incoming.noteBegun();
    this.noteContinued();
  }

  async interrupt(): Promise<void> {
    if (this.#turn?.isForDecisions === true) {
      this.#parts.permissions.withdrawAll();
      this.#finish(this.#turn, endWithoutResult('interrupted'));
    }
    if (this.#interrupting || !this.current) return;
    this.#interrupting = setTimeout(() => this.#parts.onStuck(), this.#parts.interruptMs);
    // A waiting turn gets its interrupt when it starts: the program drops one that comes earlier.
    await this.#sendInterrupt();
  }

  async #sendInterrupt(): Promise<void> {
    const turn = this.#turn;
    if (!turn || turn.isInterrupted) return;
    turn.isInterrupted = true;
    this.#mapping = withInterruptAsked(this.#mapping);
    await this.#parts.sendInterrupt();
  }

  /** Ends a turn that only waited for answers as soon as it has them all. */
  noteAnswer(): void {
    if (this.#turn?.isForDecisions === true && this.#parts.permissions.count === 0) {
      this.#finish(this.#turn, endWithoutResult('completed'));
    }
  }

  /** No frame says why a hook kept the turn from continuing. */
  noteHookStop(entries: readonly SessionStoreEntry[]): void {
    const reason = entries.map(readHookStop).findLast((words) => words !== undefined);
    if (reason !== undefined) this.#mapping = withHookStop(this.#mapping, { isRefusal: false, reason });
  }

  /** The process is gone. */
  async end(end: AgentEventOf<'turn_finished'>): Promise<void> {
    clearTimeout(this.#continuing);
    const keptDecisionIds = this.#parts.permissions.leave();
    // What it used is counted from the transcript, which a dying process leaves in its file.
    if (this.#turn) await this.#parts.transcript.repair();
    for (const turn of new Set([this.#turn, this.#waiting])) {
      if (turn) this.#finish(turn, { ...end, keptDecisionIds, uncounted: { except: this.#counted.ids } });
    }
  }

  /** Stops waiting for an interrupt to take effect. */
  close(): void {
    clearTimeout(this.#interrupting);
  }

  take(message: SDKMessage): void {
    const { spec, watch, mcp, incoming, spending, changes, transcript } = this.#parts;
    watch.hear();
    if (isSign(message)) spec.onSign?.();
    if (isWork(message)) spec.onRequest?.();
    if (isInit(message) && spec.continuesTurn === true) this.#noteTurnContinued();
    if (isInit(message)) mcp.noteInit((message as { mcp_servers?: unknown }).mcp_servers);
    if (isInit(message)) spending.noteTurn();
    if (isRequest(message)) void spending.noteRequest();
    incoming.noteFrame(message);
    const named = namedBy(message);
    if (this.#waiting?.id && named.includes(this.#waiting.id)) this.#beginWaiting();
    else if (isInit(message) && named.length === 0) this.#beginUnprompted();
    if (this.#turn === this.#untold && isWork(message)) this.#tellTurn();
    this.#counted.note(message);
    if (message.type === 'result' && this.#isOfAnother(named)) return this.#endOther();
    const { events, state, unmapped, mirrorFailed } = mapSdkMessage(message, this.#mapping);
    this.#mapping = state;
    if (unmapped !== undefined) this.#parts.countUnmapped(unmapped);
    const windows = planWindows(message);
    if (windows.length > 0) this.#parts.onPlanUsage(windows);
    if (mirrorFailed) transcript.noteGap();
    for (const event of events) {
      if (!isAboutGiven(event)) this.route(asHeldBack(event));
      else if (event.type === 'turn_finished') this.#endUntold();
    }
    if (message.type === 'result') changes.noteResult();
    this.tellIncoming();
    if (this.#interrupting) void this.#sendInterrupt();
  }

  /** The result belongs to something other than the current turn. */
  #isOfAnother(named: readonly unknown[]): boolean {
    if (!this.#turn?.id) return false;
    return this.#turn === this.#waiting || (named.length > 0 && !named.includes(this.#turn.id));
  }

  /** It must not end the current turn. Its cost stays in the running totals and is counted with the next result. */
  #endOther(): void {
    if (this.#turn !== this.#waiting) return;
    this.#mapping = { ...this.#mapping, turn: newTurn };
    if (this.#turn) this.#turn.isInterrupted = false;
    this.#turn = undefined;
  }

  /** The program has not told its agent what that had scheduled. A prompt of the chat may already wait behind that. */
  #endUntold(): void {
    if (this.#turn && this.#turn === this.#untold) this.#finish(this.#turn, endWithoutResult('completed'));
    else this.#endOther();
  }

  #beginWaiting(): void {
    // A turn that the agent began by itself continues as this one.
    if (this.#turn && this.#turn !== this.#waiting) this.#finish(this.#turn, endWithoutResult('completed'));
    this.#turn = this.#waiting;
    this.#waiting = undefined;
    this.#parts.incoming.noteBegun();
    this.#parts.permissions.askAgain();
  }

  #beginUnprompted(isForDecisions = false): ClaudeTurn {
    if (this.#turn) {
      this.#turn.isForDecisions &&= isForDecisions;
      return this.#turn;
    }
    // The waiting prompt has already started a turn in the log: what the agent does first goes there too, in order.
    if (this.#waiting) return (this.#turn = this.#waiting);
    this.#turn = this.#untold = createTurn(null, isForDecisions);
    this.#parts.watch.start();
    return this.#turn;
  }

  #tellTurn(): void {
    const turn = this.#untold;
    this.#untold = undefined;
    if (turn) this.#parts.spec.onUnprompted(turn.out.iterable);
  }

  /** Adds incoming words to the running turn. Without one they wait for the turn that they start. */
  tellIncoming(): void {
    if (!this.#turn) return;
    for (const message of this.#parts.incoming.take()) {
      this.#tellTurn();
      this.#turn.out.push(message);
    }
  }

  /** Adds an event to the turn it belongs to. */
  route(event: AgentEvent): void {
    const { spec, permissions } = this.#parts;
    if (event.type === 'background_tasks') this.#backgroundTasks = event.tasks.length;
    if (event.type === 'tool_call_update') this.#noteResult(event.toolCallId);
    if (!this.#turn && isPreview(event)) return;
    if ((!this.#turn || this.#turn === this.#untold) && isBetweenTurns(event)) {
      spec.onEvent(event);
    } else if (event.type === 'turn_finished') {
      // No `init` before it: the program refused the prompt.
      if (!this.#turn && this.#waiting) this.#beginWaiting();
      const turn = this.#turn ?? this.#beginUnprompted();
      // A turn that consists only of its end is not announced.
      if (event.outcome !== 'completed' || event.costUsd > 0) this.#tellTurn();
      this.#finish(turn, event);
      // What a background sub-agent still waits for is asked again, in a turn of its own.
      if (!this.#waiting) permissions.askAgain();
    } else {
      const turn = this.#turn ?? this.#beginUnprompted(event.type === 'decision_requested');
      this.#tellTurn();
      turn.out.push(event);
    }
    if (event.type === 'tool_call') permissions.noteCall(event.toolCallId, event.parentToolCallId);
  }

  #noteResult(toolCallId: string): void {
    const { spec, permissions, onContinued } = this.#parts;
    permissions.noteResult(toolCallId);
    // A call that starts a sub-agent over does not say whether that has asked again.
    if (toolCallId === spec.continues?.toolCallId && !spec.continues.asksAgain) onContinued();
  }

  #finish(turn: ClaudeTurn, end: AgentEvent): void {
    const { permissions, transcript, watch } = this.#parts;
    if (this.#turn === turn) this.#turn = undefined;
    if (this.#waiting === turn) this.#waiting = undefined;
    if (this.#untold === turn) this.#untold = undefined;
    turn.out.push(end);
    turn.out.close();
    turn.end();
    if (!this.current) {
      clearTimeout(this.#interrupting);
      this.#interrupting = undefined;
      watch.stop();
    }
    permissions.forgetCalls();
    if (transcript.isDirty) void transcript.repair();
    this.#parts.onTurnEnd();
  }
}

const notContinued = (): BooError =>
  new BooError('agent_failed', 'The agent found nothing to continue. Send the prompt again.');
