/**
 * What the mapper remembers between frames. A state is never changed: `mapSdkMessage` returns the next one, which
 * shares all that stayed the same. Most frames, every delta among them, return the very state they were given.
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

/** What an earlier frame became, newest first: a later frame may withdraw it by its uuid. */
export interface Delivered {
  readonly frame: string;
  readonly ids: readonly string[];
  readonly before: Delivered | null;
}

/** What belongs to the turn that runs; a result ends it. */
export interface TurnState {
  readonly interruptAsked: boolean;
  /** The main loop gave an answer, so that the result's own text is a repetition. */
  readonly answered: boolean;
  /** What the model API said went wrong. */
  readonly problem: TurnProblem | null;
  /** When the limit that was reached resets, ISO 8601. */
  readonly limitResetsAt: string | null;
  /** A hook of somebody's settings has refused its prompt, or kept it from going on. */
  readonly hookStop: HookStop | null;
  readonly delivered: Delivered | null;
}

export interface ContextState {
  /** The model that answered last in the main loop. */
  readonly model: string | null;
  /** What went into the message that is streaming. */
  readonly input: number;
  readonly used: number | null;
  readonly size: number | null;
  /** The last `usage_update` that was sent. */
  readonly sent: { readonly used: number; readonly size: number | null } | null;
}

export interface MappingState {
  /** Who runs the session: told with its start. */
  readonly backend: BackendName;
  /** Null until the first `init`. Follows the agent when it begins another session, as `/clear` does. */
  readonly sessionId: string | null;
  /** The conversation was cleared: the next `init` names another session. */
  readonly resetting: boolean;
  /** What came before the first `init`: `session_started` goes ahead of it. */
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
  /** The last `background_tasks`, as JSON, to tell a change from a repetition. */
  readonly backgroundTasks: string;
  /** Tasks that a tool call waits for: their end is told by that call's result. */
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

/** One process of an agent gets one state. `baseline` are the totals that its session goes on from. */
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

/** To be called when somebody interrupts a running turn: its result is then an outcome and no failure. */
export function withInterruptAsked(state: MappingState): MappingState {
  return { ...state, turn: { ...state.turn, interruptAsked: true } };
}

/** What a hook said that keeps the turn from going on; null where the turn is a new one, or went on. */
export function withHookStop(state: MappingState, hookStop: HookStop | null): MappingState {
  return state.turn.hookStop === hookStop ? state : { ...state, turn: { ...state.turn, hookStop } };
}

export interface Mapped {
  readonly events: AgentEvent[];
  readonly state: MappingState;
  /** A frame outside the SDK's union, as `type/subtype`: count it and log it. */
  readonly unmapped?: string;
  /** Parts of a frame that were left out on purpose or could not be read, for counting. */
  readonly dropped?: readonly string[];
  /** The store lost a part of the transcript: repair it before the process may go. */
  readonly mirrorFailed?: true;
  readonly sessionState?: 'idle' | 'running' | 'requires_action';
}

export function mapped(state: MappingState, ...events: AgentEvent[]): Mapped {
  return { events, state };
}
