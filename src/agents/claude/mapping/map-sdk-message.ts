/**
 * Maps one message of the Claude Agent SDK to AgentEvents. Pure and total: every member of the SDK's union is either
 * mapped or listed as silent, which the compiler checks. A frame outside the union, or one with missing or wrong
 * fields, never throws.
 */
import type { SDKMessage, SDKSessionStateChangedMessage } from '@anthropic-ai/claude-agent-sdk';
import { mapAssistant } from './map-assistant.ts';
import {
  mapApiRetry,
  mapElicitationComplete,
  mapAuthStatus,
  mapHookResponse,
  mapInformational,
  mapLocalCommandOutput,
  mapMirrorError,
  mapModelFallback,
  mapNotification,
  mapPermissionDenied,
  mapPluginInstall,
  mapRateLimit,
  mapRefusal,
  mapRefusalFallback,
  mapSessionWritesLost,
} from './map-notices.ts';
import { mapResult } from './map-result.ts';
import { mapCommandsChanged, mapCompactBoundary, mapConversationReset, mapInit, mapStatus } from './map-session.ts';
import { mapStreamEvent } from './map-stream-event.ts';
import { mapBackgroundTasks, mapTaskNotification, mapTaskStarted, mapTaskUpdated } from './map-tasks.ts';
import { mapUser } from './map-user.ts';
import { type Mapped, mapped, type MappingState } from './mapping-state.ts';
import { isRecord, oneOf } from './loose-json.ts';
import { oneLine } from './one-line.ts';

/** Whatever else may arrive over the pipe: frames that the union does not know, and garbage. */
export type UnknownFrame =
  { readonly [field: string]: unknown } | readonly unknown[] | string | number | boolean | null | undefined;

/** A frame's name: its type, or type and subtype if the type alone is ambiguous. */
export type FrameName<M extends { type: string } = SDKMessage> = M extends {
  type: 'system';
  subtype: infer S extends string;
}
  ? `system/${S}`
  : M['type'];

type Frame<N extends FrameName> = N extends `system/${infer S}`
  ? Extract<SDKMessage, { type: 'system'; subtype: S }>
  : Extract<SDKMessage, { type: N }>;

/** Frames that intentionally yield no event, each with the reason. */
export const silentFrames = {
  'system/control_request_progress': 'about a request of the host, not about the chat',
  'system/files_persisted': 'about uploads that only hosted sessions make',
  'system/hook_progress': 'hooks are reported when they fail',
  'system/hook_started': 'hooks are reported when they fail',
  'system/memory_recall': 'context for the model, as its instruction files are',
  'system/task_progress': 'the list of background tasks shows what is running',
  'system/thinking_tokens': 'an estimate for spinners',
  'system/worker_shutting_down': 'the end of the process itself is detected',
  prompt_suggestion: 'a guess at what the user might say next',
  tool_progress: 'a heartbeat: the open call shows that it is running',
  tool_use_summary: 'repeats what the calls say',
} as const satisfies Partial<Record<FrameName, string>>;

type SilentFrame = Frame<keyof typeof silentFrames>;

export function mapSdkMessage(message: SDKMessage | UnknownFrame, state: MappingState): Mapped {
  if (!isRecord(message)) return unmapped(message === null ? 'null' : typeof message, state);
  // From here on the types are only what the SDK promises; each mapper checks what the fields really contain.
  const next = mapMember(message as SDKMessage, state);
  // Hooks and compaction may report before the session has started.
  return next.state.sessionId === null && next.events.length > 0 ? heldBack(next, message['type']) : next;
}

/** Holds events back until `init`. A result is not held back: it may mean that no `init` will come. */
function heldBack(next: Mapped, type: unknown): Mapped {
  const events = [...next.state.held, ...next.events];
  if (type === 'result') return { ...next, events, state: { ...next.state, held: [] } };
  return { ...next, events: [], state: { ...next.state, held: events } };
}

function mapMember(frame: SDKMessage, state: MappingState): Mapped {
  switch (frame.type) {
    case 'stream_event':
      return mapStreamEvent(frame, state);
    case 'assistant':
      return mapAssistant(frame, state);
    case 'user':
      return mapUser(frame, state);
    case 'result':
      return mapResult(frame, state);
    case 'system':
      return mapSystem(frame, state);
    case 'rate_limit_event':
      return mapRateLimit(frame, state);
    case 'auth_status':
      return mapAuthStatus(frame, state);
    case 'conversation_reset':
      return mapConversationReset(frame, state);
    default:
      return silentOrUnmapped(frame, state);
  }
}

function mapSystem(frame: Extract<SDKMessage, { type: 'system' }>, state: MappingState): Mapped {
  switch (frame.subtype) {
    case 'init':
      return mapInit(frame, state);
    case 'status':
      return mapStatus(frame, state);
    case 'compact_boundary':
      return mapCompactBoundary(frame, state);
    case 'commands_changed':
      return mapCommandsChanged(frame, state);
    case 'session_state_changed':
      return mapSessionState(frame, state);
    case 'background_tasks_changed':
      return mapBackgroundTasks(frame, state);
    case 'task_started':
      return mapTaskStarted(frame, state);
    case 'task_updated':
      return mapTaskUpdated(frame, state);
    case 'task_notification':
      return mapTaskNotification(frame, state);
    case 'api_retry':
      return mapApiRetry(frame, state);
    case 'mirror_error':
      return mapMirrorError(frame, state);
    case 'session_writes_lost':
      return mapSessionWritesLost(frame, state);
    case 'model_refusal_fallback':
      return mapRefusalFallback(frame, state);
    case 'model_refusal_no_fallback':
      return mapRefusal(frame, state);
    case 'permission_denied':
      return mapPermissionDenied(frame, state);
    case 'informational':
      return mapInformational(frame, state);
    case 'notification':
      return mapNotification(frame, state);
    case 'local_command_output':
      return mapLocalCommandOutput(frame, state);
    case 'hook_response':
      return mapHookResponse(frame, state);
    case 'elicitation_complete':
      return mapElicitationComplete(frame, state);
    case 'plugin_install':
      return mapPluginInstall(frame, state);
    default:
      return isModelFallback(frame) ? mapModelFallback(frame, state) : silentOrUnmapped(frame, state);
  }
}

/** Outside the SDK's types. */
function isModelFallback(frame: object): boolean {
  const { subtype } = frame as { subtype?: unknown };
  return subtype === 'model_fallback' || subtype === 'model_consent_fallback';
}

/**
 * Any other member of the union must be in `silentFrames`: if the SDK adds one, the build fails here. At run time,
 * unknown frames end up here too.
 */
function silentOrUnmapped(frame: SilentFrame, state: MappingState): Mapped {
  const { type, subtype } = frame as { type: unknown; subtype?: unknown };
  const name = subtype === undefined ? words(type) : `${words(type)}/${words(subtype)}`;
  return Object.hasOwn(silentFrames, name) ? mapped(state) : unmapped(name, state);
}

function words(value: unknown): string {
  return typeof value === 'string' ? value : `(${typeof value})`;
}

function unmapped(name: string, state: MappingState): Mapped {
  return { events: [], state, unmapped: oneLine(name, 100) };
}

/** No event: it tells the backend when the agent is really done. */
function mapSessionState(frame: SDKSessionStateChangedMessage, state: MappingState): Mapped {
  const sessionState = oneOf(['idle', 'running', 'requires_action'], frame.state);
  return sessionState === undefined ? mapped(state) : { ...mapped(state), sessionState };
}
