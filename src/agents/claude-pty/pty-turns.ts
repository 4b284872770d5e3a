/**
 * Turns, as the transcript and the program's status tell of them. A turn begins with a prompt: one that was typed here
 * for the chat, one that a person typed in the terminal, or one that the program gave itself. It ends with the line that
 * says so; where the program writes none (after an interrupt, a failed request), it ends when the program is idle and
 * its transcript, which it writes a little later than it acts, has come to rest.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { createSerial } from '../../lib/serial.ts';
import type { McpServer, PermissionMode } from '../../protocol/chat.ts';
import type { BooError } from '../../protocol/error.ts';
import type { AgentBody } from '../../protocol/event.ts';
import { type AgentEvent, type AgentPrompt, endWithoutResult, type SessionCost } from '../agent-backend.ts';
import { mapSdkMessage, type UnknownFrame } from '../claude/mapping/map-sdk-message.ts';
import {
  createMappingState,
  type MappingState,
  withHookStop,
  withInterruptAsked,
} from '../claude/mapping/mapping-state.ts';
import { costSince, type RunningTotals, zeroTotals } from '../claude/mapping/model-costs.ts';
import { createTurn, isBetweenTurns, type ClaudeTurn } from '../claude/claude-turn.ts';
import { BackgroundTasks } from './background-tasks.ts';
import { readMcpServers } from '../claude/mcp-servers.ts';
import { readLine, type TranscriptLine } from '../claude/mapping/transcript-line.ts';
import { heardMore, notHeard, OwnPrompt } from './own-prompt.ts';
import type { SessionCosts } from './session-costs.ts';
import type { CurrentDirectory } from '../claude/current-directory.ts';
import { TurnRequests } from './turn-requests.ts';
import type { TypedChanges } from './typed-changes.ts';
import type { FollowedLines } from './transcript-follower.ts';

export interface PtyTurnsParts {
  sessionId: string;
  model: string | null;
  permissionMode: PermissionMode;
  costs: SessionCosts;
  changes: TypedChanges;
  directory: CurrentDirectory;
  /** The program has changed this by itself. */
  onChanged(event: AgentBody): void;
  /** The tool call that started the sub-agent with this transcript. */
  parentOf(subpath: string): string | undefined;
  /** A turn that nobody here asked for. */
  onUnprompted(events: AsyncIterable<AgentEvent>): void;
  /** What is said between turns. */
  onEvent(event: AgentBody): void;
  /** A turn has begun, or its prompt is about to be typed. */
  onTurn(): void;
  /** A tool call was told, or its result: `denied` where a person refused it. */
  onToolCall(toolCallId: string): void;
  onToolResult(toolCallId: string, denied: boolean): void;
  /** The model was told of MCP servers. */
  onMcpServers(servers: readonly McpServer[]): void;
  /** A hook has refused a prompt, which the program puts back into its input line. */
  onRefused(): void;
  /** No turn runs any more. */
  onRest(): void;
  countUnmapped(name: string): void;
}

// How long after the program has come to rest its last lines may still be on their way: it writes them every 100 ms.
export const lateLinesMs = 300;
// A turn whose end should have a line, and has none by then, was taken back by key before anything was said.
export const missingLineMs = 2_500;

export class PtyTurns {
  readonly #parts: PtyTurnsParts;
  readonly #serial = createSerial();
  readonly #tasks = new BackgroundTasks();
  #state: MappingState;
  #turn: ClaudeTurn | undefined;
  readonly #requests: TurnRequests;
  #apiError: { status: number | undefined } | undefined;
  /** What the agent made of the prompt was told. */
  #hasTold = false;
  /** By its line. */
  #interruption: { isInRequest: boolean } | undefined;
  /** A prompt was typed for the chat, and its own line has not come yet. */
  #own: OwnPrompt | undefined;
  #model: string | null;
  #sessionId: string;

  constructor(parts: PtyTurnsParts) {
    this.#parts = parts;
    this.#sessionId = parts.sessionId;
    this.#model = parts.model;
    const { permissionMode, costs } = parts;
    this.#requests = new TurnRequests(costs);
    this.#state = createMappingState({ backend: 'claude_pty', baseline: costs.totals, permissionMode });
  }

  /** The turn that runs, or the one whose prompt was typed. */
  get current(): ClaudeTurn | undefined {
    return this.#turn ?? this.#own?.turn;
  }

  get hasBackgroundTasks(): boolean {
    return this.#tasks.count > 0;
  }

  /** A turn runs, or its prompt is at least known to be with the program. */
  get isTaken(): boolean {
    return this.#turn !== undefined || this.#own?.isTaken === true;
  }

  /** The program writes no line at the end of this turn: it was interrupted, or its request failed. */
  get endsWithoutLine(): boolean {
    return this.#interruption !== undefined || this.#apiError !== undefined || this.current?.isInterrupted === true;
  }

  /** Something was said in the session, so that it can be resumed. */
  get hasBegun(): boolean {
    return this.#state.sessionId !== null;
  }

  /** Calls that have no result yet. */
  get openCalls(): MappingState['openCalls'] {
    return this.#state.openCalls;
  }

  /** A turn of the chat, whose prompt is about to be typed. */
  expect(prompt: AgentPrompt): OwnPrompt {
    const own = new OwnPrompt(prompt);
    this.#own = own;
    this.#state = withHookStop(this.#state, null);
    this.#parts.onTurn();
    return own;
  }

  noteInterrupt(): void {
    if (this.current) this.current.isInterrupted = true;
    this.#state = withInterruptAsked(this.#state);
  }

  /** Takes lines in; resolves when they were told. */
  take({ subpath, entries }: FollowedLines): Promise<void> {
    return this.#serial(async () => {
      const parent = subpath === '' ? undefined : (this.#parts.parentOf(subpath) ?? subpath);
      if (parent === undefined) this.#noteModel(entries);
      for (const entry of entries) {
        await this.#takeLine(readLine(entry, parent), entry);
        if (parent !== undefined) continue;
        for (const changed of [this.#parts.changes.take(entry), this.#parts.directory.take(entry)])
          if (changed) this.#route(changed);
      }
    });
  }

  /** Another session, as after `/clear`, which counts from zero. Resolves with what the old one still cost. */
  switchTo(sessionId: string): Promise<SessionCost> {
    return this.#serial(() => {
      const rest = this.remainder();
      this.#parts.costs.reset(zeroTotals);
      this.#sessionId = sessionId;
      this.#tell({ type: 'conversation_reset', trigger: 'clear' });
      this.#begin();
      return Promise.resolve(rest);
    });
  }

  /** Tells an event that comes from elsewhere: a question, a notice. */
  tell(event: AgentEvent): void {
    if (event.type === 'decision_requested' && !this.#turn) this.#beginUnprompted(true);
    if (event.type === 'decision_requested') this.#begin();
    this.#route(event);
  }

  /** The program is idle. Ends the turn that was running then, if it still does. */
  rest(turn: ClaudeTurn): Promise<void> {
    return this.#serial(async () => {
      if (this.#own?.turn === turn) {
        if (!turn.isInterrupted && !this.#state.turn.hookStop) return this.#close(turn, notHeard());
        this.#adoptOwn();
      }
      if (this.#turn === turn) await this.#finish(true);
    });
  }

  /** Resolves when all lines taken in until now were told. */
  settled(): Promise<void> {
    return this.#serial(() => Promise.resolve());
  }

  /** The program is gone, or was never asked. What it has told of costs goes to the turn that it was in. */
  end(outcome: 'failed' | 'interrupted', error?: BooError): Promise<void> {
    return this.#serial(() => {
      const end = endWithoutResult(outcome, outcome === 'failed' ? error : undefined);
      if (this.#turn) {
        const { turn, baseline } = costSince(this.#state.totals, this.#parts.costs.totals);
        this.#state = { ...this.#state, totals: baseline };
        this.#close(this.#turn, { ...end, ...turn, uncounted: { except: this.#parts.costs.counted } });
      }
      if (this.#own) this.#close(this.#own.turn, end);
      return Promise.resolve();
    });
  }

  /** Ends at once the turn that only waits for answers. */
  endDecisions(outcome: 'completed' | 'interrupted'): void {
    if (this.#turn?.isForDecisions === true) this.#close(this.#turn, endWithoutResult(outcome));
  }

  /** What the program has counted beyond what was told turn by turn. */
  remainder(): SessionCost {
    const { costUsd, models } = costSince(this.#state.totals, this.#parts.costs.totals).turn;
    return { costUsd, models };
  }

  /** The work in the background has ended with the program. */
  forgetTasks(): void {
    for (const frame of this.#tasks.clear()) this.#tell(frame);
  }

  async #takeLine(line: TranscriptLine, entry: SessionStoreEntry): Promise<void> {
    switch (line.is) {
      case 'prompt':
        return this.#takePrompt(line, entry['permissionMode']);
      case 'incoming':
        return this.#takeIncoming(line);
      case 'aside':
        this.#begin();
        if (this.#turn && this.#own?.isTyped && this.#own.is(line.content)) {
          this.#own.endInside();
          this.#own = undefined;
        }
        this.#route({ type: 'user_message', messageId: line.id, content: line.content });
        return;
      case 'background': {
        const tasks = this.#tasks.add(line, this.#state);
        this.#tell(line.frame);
        this.#tell(tasks);
        this.#noteResult(entry);
        return;
      }
      case 'frame':
        if (line.requestId !== undefined || line.isAborted) this.#requests.note(entry, line.isAborted === true);
        if (line.requestId !== undefined) {
          this.#begin();
          this.#parts.costs.noteRequest();
          this.#apiError = undefined;
          // It went on.
          this.#state = withHookStop(this.#state, null);
        }
        this.#tell(line.frame);
        this.#noteResult(entry);
        if (this.#state.turn.hookStop?.isRefusal) this.#parts.onRefused();
        return;
      case 'api_error':
        this.#begin();
        this.#apiError = { status: line.status };
        this.#tell(line.frame);
        return;
      case 'task_end':
        for (const frame of this.#tasks.end(line.taskId)) this.#tell(frame);
        return;
      case 'mcp_servers': {
        const servers = [
          ...readMcpServers(line.pending, 'pending'),
          ...readMcpServers(line.connected, 'connected'),
          ...readMcpServers(line.failed, 'failed'),
        ];
        if (servers.length === 0) return;
        this.#begin();
        this.#parts.onMcpServers(servers);
        return;
      }
      case 'interrupted':
        this.#interruption = line;
        return;
      case 'hook_stop':
        this.#state = withHookStop(this.#state, { isRefusal: false, reason: line.reason });
        return;
      case 'turn_end':
        await this.#finish();
        return;
      case 'totals':
        return this.#takeTotals(line.totals);
      case 'nothing':
    }
  }

  async #takePrompt(line: Extract<TranscriptLine, { is: 'prompt' }>, permissionMode: unknown): Promise<void> {
    // What waited in the program's own queue follows without a pause.
    await this.#finish();
    // Shift+Tab changes it without a line of its own.
    this.#tell({ type: 'system', subtype: 'status', permissionMode });
    if (this.#own?.is(line.content)) return this.#adoptOwn();
    // Somebody types at the terminal too: their words were submitted with the prompt, or instead of it.
    if (this.#own?.isTyped && this.#own.endsIn(line.content)) {
      this.#adoptOwn();
      this.#begin();
      this.#route(heardMore);
    } else {
      this.#beginUnprompted();
      this.#begin();
    }
    this.#route({ type: 'user_message', messageId: line.id, content: line.content });
  }

  async #takeIncoming(line: Extract<TranscriptLine, { is: 'incoming' }>): Promise<void> {
    if (line.isPrompt) {
      // The program may also tell its own agent to go on, in the middle of a turn.
      if (line.message.origin.kind !== 'other') await this.#finish();
      // Where a prompt of the chat was typed, the log is in its turn already.
      if (!this.#own) this.#beginUnprompted();
    }
    this.#begin();
    this.#route(line.message);
    if (line.endedTask !== undefined) for (const frame of this.#tasks.end(line.endedTask)) this.#tell(frame);
  }

  #adoptOwn(): void {
    this.#turn = this.#own?.turn;
    this.#own?.markTaken();
    this.#own = undefined;
  }

  /** The program's own count, written when it ends or leaves a session: whatever was not told before is in it. */
  #takeTotals(totals: RunningTotals): void {
    this.#parts.costs.reset(totals);
  }

  #noteModel(entries: FollowedLines['entries']): void {
    for (const entry of entries) {
      const message = entry['message'] as { model?: unknown } | undefined;
      const attachment = entry['attachment'] as { identity?: { modelId?: unknown } } | undefined;
      const model = entry.type === 'assistant' ? message?.model : attachment?.identity?.modelId;
      if (typeof model === 'string' && model !== '<synthetic>') this.#model = model;
    }
  }

  /** The session is told of before anything that happens in it, and not before it is known which model answers. */
  #begin(): void {
    if (this.#state.sessionId === this.#sessionId) return;
    this.#tell({ type: 'system', subtype: 'init', session_id: this.#sessionId, model: this.#model });
  }

  #tell(frame: UnknownFrame): void {
    const { events, state, unmapped } = mapSdkMessage(frame, this.#state);
    this.#state = state;
    if (unmapped !== undefined) this.#parts.countUnmapped(unmapped);
    for (const event of events) {
      this.#route(event);
      if (event.type === 'tool_call') this.#parts.onToolCall(event.toolCallId);
    }
  }

  #noteResult(entry: { [field: string]: unknown }): void {
    const content = (entry['message'] as { content?: unknown } | undefined)?.content;
    if (entry['type'] !== 'user' || !Array.isArray(content)) return;
    for (const block of content as { type?: unknown; tool_use_id?: unknown }[]) {
      if (block.type !== 'tool_result' || typeof block.tool_use_id !== 'string') continue;
      this.#parts.onToolResult(block.tool_use_id, entry['toolDenialKind'] !== undefined);
    }
  }

  #beginUnprompted(isForDecisions = false): ClaudeTurn {
    if (this.#turn) {
      this.#turn.isForDecisions &&= isForDecisions;
      return this.#turn;
    }
    this.#turn = createTurn(null, isForDecisions);
    // One whose prompt was refused in the terminal never began.
    this.#state = withHookStop(this.#state, null);
    this.#parts.onTurn();
    this.#parts.onUnprompted(this.#turn.out.iterable);
    return this.#turn;
  }

  #route(event: AgentEvent): void {
    if (isChange(event)) this.#parts.onChanged(event);
    this.#hasTold ||= !isSilent(event);
    if (!this.#turn && this.#own) {
      this.#own.turn.out.push(event);
      return;
    }
    const isAside =
      event.type === 'user_message' ||
      event.type === 'incoming_message' ||
      (event.type === 'agent_message' && isLocal(event.messageId));
    if (!this.#turn && (isAside || isBetweenTurns(event))) return this.#parts.onEvent(event as AgentBody);
    (this.#turn ?? this.#beginUnprompted()).out.push(event);
  }

  /** The turn has ended: told as the SDK tells it, with what it cost. */
  async #finish(isAtRest = false): Promise<void> {
    const turn = this.#turn;
    if (!turn) return;
    // Without an end, an answer and a word, somebody has taken the prompt back.
    const isTakenBack =
      isAtRest && !this.#hasTold && this.#requests.isEmpty && !this.#apiError && !this.#state.turn.hookStop;
    const isInterrupted = this.#interruption !== undefined || turn.isInterrupted || isTakenBack;
    // A prompt that was taken back before anything was said has no line.
    const wasInRequest = this.#interruption?.isInRequest ?? (isInterrupted && this.#requests.isEmpty);
    const unpriced = await this.#requests.settle(wasInRequest);
    if (this.#turn !== turn) return;
    this.#begin();
    const { totals } = this.#parts.costs;
    const { events, state } = mapSdkMessage(
      {
        type: 'result',
        subtype: 'success',
        is_error: this.#apiError !== undefined,
        api_error_status: this.#apiError?.status,
        terminal_reason: isInterrupted ? 'aborted_streaming' : this.#state.turn.hookStop ? 'hook_stopped' : undefined,
        total_cost_usd: totals.costUsd,
        modelUsage: Object.fromEntries(
          Object.entries(totals.models).map(([model, cost]) => [model, { ...cost, costUSD: cost.costUsd }]),
        ),
      },
      this.#state,
    );
    this.#state = state;
    for (const event of [...unpriced, ...events.slice(0, -1)]) turn.out.push(event);
    const end = events.at(-1)!;
    this.#close(turn, isTakenBack && end.type === 'turn_finished' ? { ...end, isTaken: true } : end);
  }

  #close(turn: ClaudeTurn, end: AgentEvent): void {
    turn.out.push(end);
    turn.out.close();
    if (this.#own?.turn === turn) this.#own = undefined;
    else this.#turn = undefined;
    this.#requests.clear();
    this.#apiError = undefined;
    this.#interruption = undefined;
    this.#hasTold = false;
    turn.end();
    this.#parts.onRest();
  }
}

function isChange(event: AgentEvent): event is AgentBody {
  return ['current_mode_update', 'current_model_update', 'current_effort_update'].includes(event.type);
}

/** What a command of the program printed, see `mapLocalCommandOutput`. */
function isLocal(messageId: string): boolean {
  return messageId.startsWith('local/');
}

function isSilent({ type }: AgentEvent): boolean {
  return ['session_started', 'user_message', 'notice', 'current_mode_update', 'usage_update'].includes(type);
}
