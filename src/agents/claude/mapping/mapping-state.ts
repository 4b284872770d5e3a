/**
 * What the mapper remembers between frames. A state is immutable: `mapSdkMessage` returns the next one, which shares
 * everything that stayed the same. Most frames, including every delta, return the same state object.
 */
import type { BackendName, PermissionMode } from '../../../protocol/chat.ts';
import type { AgentEvent } from '../../agent-backend.ts';
import { type RunningTotals, zeroTotals } from './model-costs.ts';
import type { OpenMessages } from './open-message.ts';
import type { HookStop, TurnProblem } from './turn-problem.ts';

export type PlanStatus = 'pending' | 'in_progress' | 'completed';

export interface PlanItem {
  readonly content: string;
  readonly status: PlanStatus;
}

/** A tool call that has no result yet. */
export interface OpenCall {
  readonly toolName: string;
  readonly input: unknown;
  readonly parentToolCallId: string | undefined;
}

/** The ids that earlier frames produced, newest first: a later frame may withdraw them by the frame's uuid. */
export interface Delivered {
  readonly frame: string;
  readonly ids: readonly string[];
  readonly before: Delivered | null;
}

/** The state of the running turn; a result ends it. */
export interface TurnState {
  readonly interruptAsked: boolean;
  /** The main loop gave an answer, so the result's text only repeats it. */
  readonly answered: boolean;
  /** The error from the model API. */
  readonly problem: TurnProblem | null;
  /** When the reached limit resets, ISO 8601. */
  readonly limitResetsAt: string | null;
  /** A hook from someone's settings has refused the prompt, or stopped the turn. */
  readonly hookStop: HookStop | null;
  readonly delivered: Delivered | null;
}

export interface ContextState {
  /** The model that last answered in the main loop. */
  readonly model: string | null;
  /** The input tokens of the message that is streaming. */
  readonly input: number;
  readonly used: number | null;
  readonly size: number | null;
  /** For how long the provider keeps the conversation cached, if it has said so. */
  readonly cacheSeconds?: number | undefined;
  /** The last `usage_update` event. */
  readonly sent: { readonly used: number; readonly size: number | null } | null;
}

export interface MappingState {
  /** The session's backend, reported when it starts. */
  readonly backend: BackendName;
  /** Null until the first `init`. Changes when the agent starts another session, for example after `/clear`. */
  readonly sessionId: string | null;
  /** The conversation was cleared: the next `init` names another session. */
  readonly resetting: boolean;
  /** Events from before the first `init`: `session_started` comes first. */
  readonly held: readonly AgentEvent[];
  readonly permissionMode: PermissionMode | null;
  readonly commandsSent: boolean;
  readonly compacting: boolean;
  readonly signingIn: boolean;
  readonly totals: RunningTotals;
  readonly context: ContextState;
  readonly openMessages: OpenMessages;
  readonly openCalls: ReadonlyMap<string, OpenCall>;
  readonly plan: ReadonlyMap<string, PlanItem>;
  /** The last `background_tasks` as JSON, to detect changes. */
  readonly backgroundTasks: string;
  /** Tasks that a tool call waits for: its result reports their end. */
  readonly foregroundTasks: ReadonlySet<string>;
  readonly turn: TurnState;
}

export const newTurn: TurnState = Object.freeze({
  interruptAsked: false,
  answered: false,
  problem: null,
  limitResetsAt: null,
  hookStop: null,
  delivered: null,
});

/** Each agent process gets its own state. `baseline` is the totals that its session continues from. */
export function createMappingState(
  options: { backend?: BackendName; baseline?: RunningTotals; permissionMode?: PermissionMode } = {},
): MappingState {
  return {
    backend: options.backend ?? 'claude_sdk',
    sessionId: null,
    resetting: false,
    held: [],
    permissionMode: options.permissionMode ?? null,
    commandsSent: false,
    compacting: false,
    signingIn: false,
    totals: options.baseline ?? zeroTotals,
    context: { model: null, input: 0, used: null, size: null, sent: null },
    openMessages: new Map(),
    openCalls: new Map(),
    plan: new Map(),
    backgroundTasks: '[]',
    foregroundTasks: new Set(),
    turn: newTurn,
  };
}

/** Call it when someone interrupts a running turn: its result is then an outcome, not a failure. */
export function withInterruptAsked(state: MappingState): MappingState {
  return { ...state, turn: { ...state.turn, interruptAsked: true } };
}

/** The message of a hook that stops the turn; null if the turn is new or continued. */
export function withHookStop(state: MappingState, hookStop: HookStop | null): MappingState {
  return state.turn.hookStop === hookStop ? state : { ...state, turn: { ...state.turn, hookStop } };
}

export interface Mapped {
  readonly events: AgentEvent[];
  readonly state: MappingState;
  /** A frame outside the SDK's union, as `type/subtype`, to be counted and logged. */
  readonly unmapped?: string;
  /** Parts of a frame that were left out on purpose or could not be read, for counting. */
  readonly dropped?: readonly string[];
  /** The store lost part of the transcript: repair it before the process may end. */
  readonly mirrorFailed?: true;
  readonly sessionState?: 'idle' | 'running' | 'requires_action';
}

export function mapped(state: MappingState, ...events: AgentEvent[]): Mapped {
  return { events, state };
}
