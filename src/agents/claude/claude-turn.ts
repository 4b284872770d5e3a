/** One turn of a session as its events arrive, and which frames and events belong to turns. */
import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import { createPushable, type Pushable } from '../../lib/pushable.ts';
import type { AgentBody } from '../../protocol/event.ts';
import type { AgentEvent } from '../agent-backend.ts';

export interface ClaudeTurn {
  /** Null for a turn that the agent started by itself. */
  id: string | null;
  out: Pushable<AgentEvent>;
  /** The program runs no turn: a background sub-agent asked something. It ends with the last answer. */
  isForDecisions: boolean;
  /** An interrupt was sent or has taken effect. */
  isInterrupted: boolean;
  ended: Promise<void>;
  end(): void;
}

export function createTurn(id: string | null, isForDecisions = false): ClaudeTurn {
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { id, out: createPushable<AgentEvent>(), isForDecisions, isInterrupted: false, ended, end: () => end() };
}

export function isInit(message: SDKMessage): boolean {
  return message.type === 'system' && message.subtype === 'init';
}

/** The model is working, whether or not there is something to report. A ping only shows that its server is alive. */
export function isSign(message: SDKMessage): boolean {
  if (message.type === 'system') return message.subtype === 'thinking_tokens';
  return message.type === 'stream_event' && (message.event.type as string) !== 'ping';
}

/** A request to the model is being made or answered. */
export function isWork(message: SDKMessage): boolean {
  return isRequest(message) || isSign(message);
}

/** A request to the model is being made. */
export function isRequest(message: SDKMessage): boolean {
  return message.type === 'system' && message.subtype === 'status' && message.status === 'requesting';
}

/** The ids of the messages that a frame is about; empty if it names none. */
export function namedBy(message: SDKMessage): readonly unknown[] {
  const { user_message_uuids: all, user_message_uuid: one } = message as Record<string, unknown>;
  return Array.isArray(all) ? all : one === undefined ? [] : [one];
}

export function isPreview(event: AgentEvent): boolean {
  return event.type.endsWith('_chunk');
}

/** Facts about the session rather than a turn, and what background sub-agents do. */
export function isBetweenTurns(event: AgentEvent): event is AgentBody {
  switch (event.type) {
    case 'notice':
    case 'background_tasks':
    case 'available_commands_update':
    case 'current_mode_update':
    case 'current_model_update':
    case 'current_effort_update':
    case 'current_directory_update':
    case 'session_info_update':
    case 'usage_update':
    case 'session_started':
    case 'plan':
      return true;
    case 'agent_message':
    case 'agent_thought':
    case 'tool_call':
    case 'tool_call_update':
      return event.parentToolCallId !== undefined;
    default:
      return false;
  }
}
