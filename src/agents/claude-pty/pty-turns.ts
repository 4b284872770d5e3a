/**
 * The turns of a terminal session and their events. A turn begins with a prompt: one typed here for the chat, one that a
 * person typed in the terminal, or one that the program gave itself. It ends with the line that says so. When the program
 * writes no such line (after an interrupt or a failed request), the turn ends once the program is idle and its transcript
 * has become idle, see `status-follower.ts`.
 */
import { createSerial } from '../../lib/serial.ts';
import type { BooError } from '../../protocol/error.ts';
import type { AgentBody, DeltaBody } from '../../protocol/event.ts';
import {
  type AgentEvent,
  type AgentPrompt,
  type AgentSessionSpec,
  endWithoutResult,
  type SessionCost,
} from '../agent-backend.ts';
import { mapSdkMessage, type UnknownFrame } from '../claude/mapping/map-sdk-message.ts';
import {
  createMappingState,
  type MappingState,
  withHookStop,
  withInterruptAsked,
} from '../claude/mapping/mapping-state.ts';
import { costSince, type RunningTotals, zeroTotals } from '../claude/mapping/model-costs.ts';
import type { HookStop } from '../claude/mapping/turn-problem.ts';
import { isBetweenTurns } from '../claude/claude-turn.ts';
import type { DisplayedMessages } from './displayed-messages.ts';
import { notHeard, type OwnPrompt } from './own-prompt.ts';
import type { SessionCosts } from './session-costs.ts';
import type { StartSettings } from './start-settings.ts';
import { type TerminalTurn, tellIn } from './terminal-turn.ts';
import { TurnRequests } from './turn-requests.ts';
import type { TurnState } from './turn-state.ts';

export interface PtyTurnsParts {
  spec: Pick<AgentSessionSpec, 'sessionId' | 'model' | 'permissionMode' | 'onUnprompted' | 'onEvent'>;
  turn: TurnState;
  costs: SessionCosts;
  settings: StartSettings;
  /** Hears of every tool call. `leave`: see `PermissionRequests`. */
  questions: { onToolCall(toolCallId: string): void; leave(): string[] };
  /** Its previews are replaced by what the transcript says. */
  displayed: Pick<DisplayedMessages, 'stored' | 'noteTurnEnd'>;
  /** Starts with every turn, or when its prompt is about to be typed. */
  watch: { start(): void };
  /** A turn has begun that nobody here requested, or a call in one has its result. */
  onProgress(): void;
  /** A turn has ended. */
  onEnd(): void;
  countUnmapped(name: string): void;
}

export class PtyTurns {
  readonly #parts: PtyTurnsParts;
  readonly #turn: TurnState;
  /** Lines are read and turns ended one at a time. */
  readonly inOrder = createSerial();
  readonly requests: TurnRequests;
  #mapping: MappingState;
  #model: string | null;
  /** The transcript has named it. */
  #isModelNoted = false;
  #sessionId: string;

  constructor(parts: PtyTurnsParts) {
    this.#parts = parts;
    this.#turn = parts.turn;
    this.#sessionId = parts.spec.sessionId;
    this.#model = parts.spec.model;
    this.requests = new TurnRequests(parts.costs);
    const { permissionMode } = parts.spec;
    this.#mapping = createMappingState({ backend: 'claude_pty', permissionMode });
  }

  /** The session is opened. `baseline`: the totals that it continues from. */
  open(baseline: RunningTotals): void {
    this.#parts.costs.open(baseline);
    this.#mapping = { ...this.#mapping, totals: baseline };
  }

  /** Something was said in the session, so it can be resumed. */
  get hasBegun(): boolean {
    return this.#mapping.sessionId !== null;
  }

  /** A hook refused the prompt, or kept the turn from continuing. */
  get hookStop(): HookStop | null {
    return this.#mapping.turn.hookStop;
  }

  /** What its turns have cost, in all. */
  get reportedUsd(): number {
    return this.#mapping.totals.costUsd;
  }

  get hasOpenCalls(): boolean {
    return this.#mapping.openCalls.size > 0;
  }

  get mapping(): MappingState {
    return this.#mapping;
  }

  /** Begins a turn of the chat, whose prompt is about to be typed. */
  expect(prompt: AgentPrompt): OwnPrompt {
    const own = this.#turn.expect(prompt);
    this.noteHookStop(null);
    this.#parts.watch.start();
    return own;
  }

  /** Starts a turn that nobody here requested, unless one is already running. */
  beginTheirs(isForDecisions = false): TerminalTurn {
    const { running } = this.#turn;
    if (running) {
      running.isForDecisions &&= isForDecisions;
      return running;
    }
    const turn = this.#turn.beginTheirs(isForDecisions);
    // A turn whose prompt was refused in the terminal never began.
    this.noteHookStop(null);
    this.#parts.watch.start();
    this.#parts.spec.onUnprompted(turn.out.iterable);
    if (!isForDecisions) this.#parts.onProgress();
    return turn;
  }

  /** The turn is being interrupted. */
  interrupt(turn: TerminalTurn): void {
    turn.isInterrupted = true;
    this.#mapping = withInterruptAsked(this.#mapping);
  }

  noteHookStop(stop: HookStop | null): void {
    this.#mapping = withHookStop(this.#mapping, stop);
  }

  noteModel(model: string): void {
    this.#isModelNoted = true;
    this.#model = model;
  }

  /** The session is announced before anything that happens in it, but not before it is known which model answers. */
  beginSession(): void {
    if (this.#mapping.sessionId === this.#sessionId) return;
    this.take({ type: 'system', subtype: 'init', session_id: this.#sessionId, model: this.#model });
  }

  /** Switches to another session, as after `/clear`, which counts from zero. Resolves with what the old one still cost. */
  switchTo(sessionId: string): Promise<SessionCost> {
    return this.inOrder(() => {
      const rest = this.remainder();
      this.#parts.costs.reset(zeroTotals);
      this.#sessionId = sessionId;
      this.take({ type: 'conversation_reset', trigger: 'clear' });
      this.beginSession();
      return Promise.resolve(rest);
    });
  }

  /** Turns a frame into events. */
  take(frame: UnknownFrame): void {
    const { events, state, unmapped } = mapSdkMessage(frame, this.#mapping);
    this.#mapping = state;
    if (unmapped !== undefined) this.#parts.countUnmapped(unmapped);
    for (const event of events) {
      this.route(event);
      if (event.type === 'tool_call') this.#parts.questions.onToolCall(event.toolCallId);
      if (event.type === 'tool_call_update') this.#parts.onProgress();
    }
  }

  /** Takes an event that comes from elsewhere: a question, a notice. */
  tell(event: AgentEvent): void {
    if (event.type === 'decision_requested') {
      if (!this.#turn.running) this.beginTheirs(true);
      this.beginSession();
    }
    this.route(event);
  }

  /** Adds an event to the turn it belongs to. */
  route(event: AgentEvent): void {
    if (isChange(event)) this.#parts.settings.note(event);
    const { current } = this.#turn;
    if (current) return tellIn(current, this.#instead(event));
    const isAside =
      event.type === 'user_message' ||
      event.type === 'incoming_message' ||
      (event.type === 'agent_message' && isLocal(event.messageId));
    if (isAside || isBetweenTurns(event)) return this.#parts.spec.onEvent(event as AgentBody);
    tellIn(this.beginTheirs(), this.#instead(event));
  }

  /** Shows a preview in the turn that is under way, if there is one. */
  preview(delta: DeltaBody): boolean {
    const { current } = this.#turn;
    if (!current || current.isForDecisions) return false;
    if (this.#mapping.sessionId !== this.#sessionId) {
      if (!this.#isModelNoted) return false;
      this.beginSession();
    }
    tellIn(current, delta);
    return true;
  }

  /** The event as it replaces its preview. */
  #instead(event: AgentEvent): AgentEvent {
    if (event.type !== 'agent_message' || event.parentToolCallId !== undefined || isLocal(event.messageId))
      return event;
    return this.#parts.displayed.stored(event);
  }

  /** The program was idle. Ends the turn that was current then, if it still is. */
  rest(turn: TerminalTurn): Promise<void> {
    return this.inOrder(async () => {
      if (this.#turn.current !== turn) return;
      const { expected } = this.#turn;
      if (expected?.turn === turn) {
        if (!turn.isInterrupted && !this.hookStop) return this.#close(turn, notHeard());
        this.#turn.run(expected);
      }
      await this.finish(true);
    });
  }

  /** Resolves once all lines taken in so far have become events. */
  settled(): Promise<void> {
    return this.inOrder(() => Promise.resolve());
  }

  /** The program is gone, or was never asked. The costs that it reported go to the turn it was in. */
  end(outcome: 'failed' | 'interrupted', error?: BooError): Promise<void> {
    return this.inOrder(() => {
      const end = endWithoutResult(outcome, outcome === 'failed' ? error : undefined);
      const { running, expected } = this.#turn;
      const keptDecisionIds = this.#parts.questions.leave();
      if (running) {
        const { turn, baseline } = costSince(this.#mapping.totals, this.#parts.costs.totals);
        this.#mapping = { ...this.#mapping, totals: baseline };
        this.#close(running, { ...end, ...turn, keptDecisionIds, uncounted: { except: this.#parts.costs.counted } });
      }
      if (expected) this.#close(expected.turn, end);
      return Promise.resolve();
    });
  }

  /** Ends the running turn at once if it only waits for answers. */
  endDecisions(outcome: 'completed' | 'interrupted'): void {
    const { running } = this.#turn;
    if (running?.isForDecisions === true) this.#close(running, endWithoutResult(outcome));
  }

  /** What the program has counted beyond what the turns reported. */
  remainder(): SessionCost {
    const { costUsd, models } = costSince(this.#mapping.totals, this.#parts.costs.totals).turn;
    return { costUsd, models };
  }

  /** The running turn has ended: reports it as the SDK would, with what it cost. */
  async finish(isAtRest = false): Promise<void> {
    const turn = this.#turn.running;
    if (!turn) return;
    // No end and no answer at all: someone took the prompt back.
    const isTakenBack = isAtRest && !turn.hasTold && this.requests.isEmpty && !turn.apiError && !this.hookStop;
    const isInterrupted = turn.interruption !== undefined || turn.isInterrupted || isTakenBack;
    // A prompt that was taken back before anything was said has no such line.
    const wasInRequest = turn.interruption?.isInRequest ?? (isInterrupted && this.requests.isEmpty);
    const unpriced = await this.requests.settle(wasInRequest);
    if (this.#turn.running !== turn) return;
    this.beginSession();
    const { totals } = this.#parts.costs;
    const { events, state } = mapSdkMessage(
      {
        type: 'result',
        subtype: 'success',
        is_error: turn.apiError !== undefined,
        api_error_status: turn.apiError?.status,
        terminal_reason: isInterrupted ? 'aborted_streaming' : this.hookStop ? 'hook_stopped' : undefined,
        total_cost_usd: totals.costUsd,
        modelUsage: Object.fromEntries(
          Object.entries(totals.models).map(([model, cost]) => [model, { ...cost, costUSD: cost.costUsd }]),
        ),
      },
      this.#mapping,
    );
    this.#mapping = state;
    for (const event of [...unpriced, ...events.slice(0, -1)]) turn.out.push(event);
    const end = events.at(-1)!;
    this.#close(turn, isTakenBack && end.type === 'turn_finished' ? { ...end, isTaken: true } : end);
  }

  #close(turn: TerminalTurn, end: AgentEvent): void {
    turn.out.push(end);
    turn.out.close();
    this.#turn.end(turn);
    this.requests.clear();
    this.#parts.displayed.noteTurnEnd();
    turn.end();
    this.#parts.onEnd();
  }
}

function isChange(event: AgentEvent): event is AgentBody {
  return ['current_mode_update', 'current_model_update', 'current_effort_update'].includes(event.type);
}

/** What a command of the program printed, see `mapLocalCommandOutput`. */
function isLocal(messageId: string): boolean {
  return messageId.startsWith('local/');
}
