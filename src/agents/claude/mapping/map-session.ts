/** Frames about the session itself: its id, mode, commands and restarts. */
import type {
  SDKCommandsChangedMessage,
  SDKCompactBoundaryMessage,
  SDKConversationResetMessage,
  SDKStatusMessage,
  SDKSystemMessage,
} from '@anthropic-ai/claude-agent-sdk';
import { permissionModes } from '../../../protocol/chat.ts';
import type { AgentEvent } from '../../agent-backend.ts';
import { withContextUsed, withUsageUpdate } from './context-usage.ts';
import { asCount, asList, asRecord, asText, oneOf } from './loose-json.ts';
import { type Mapped, mapped, type MappingState } from './mapping-state.ts';
import { zeroTotals } from './model-costs.ts';
import { notice } from './notice.ts';

/** Arrives at the start of every turn: the first one starts the session, the others report changes. */
export function mapInit(frame: SDKSystemMessage, state: MappingState): Mapped {
  const sessionId = asText(frame.session_id);
  if (sessionId === undefined) return { events: [], state, dropped: ['init/without_session_id'] };
  const events: AgentEvent[] = [];
  let next: MappingState = { ...state, sessionId, resetting: false, held: [] };
  // Another id means another session, such as `/clear` starts: the next resume uses it.
  if (state.sessionId !== sessionId) {
    events.push({ type: 'session_started', sessionId, backend: state.backend, model: asText(frame.model) ?? null });
  }
  if (state.sessionId !== null && state.sessionId !== sessionId) {
    const message = 'The agent continues in another session.';
    const level = state.resetting ? 'info' : 'warning';
    events.push(notice(level, 'session_changed', message, { from: state.sessionId, to: sessionId }));
  }
  events.push(...state.held);
  const mode = changedMode(frame.permissionMode, next);
  next = mode.state;
  events.push(...mode.events);
  const commands = initCommands(frame, next);
  return { events: [...events, ...commands.events], state: commands.state };
}

/** The first mode is adopted silently: it was chosen when the session was opened. */
function changedMode(value: unknown, state: MappingState): Mapped {
  const permissionMode = oneOf(permissionModes, value);
  if (permissionMode === undefined || permissionMode === state.permissionMode) return mapped(state);
  const next = { ...state, permissionMode };
  return state.permissionMode === null ? mapped(next) : mapped(next, { type: 'current_mode_update', permissionMode });
}

/** The init frame names commands without describing them, so it never replaces a list that does. */
function initCommands(frame: SDKSystemMessage, state: MappingState): Mapped {
  if (state.commandsSent) return mapped(state);
  const inTerminalOnly = new Set(asList(frame.terminal_slash_commands));
  const commands = asList(frame.slash_commands)
    .flatMap((name) => asText(name) ?? [])
    .filter((name) => !inTerminalOnly.has(name))
    .map((name) => ({ name, description: '' }));
  if (commands.length === 0) return mapped(state);
  return mapped({ ...state, commandsSent: true }, { type: 'available_commands_update', commands });
}

export function mapCommandsChanged(frame: SDKCommandsChangedMessage, state: MappingState): Mapped {
  const commands = asList(frame.commands)
    .map(asRecord)
    .flatMap((command) => {
      const name = asText(command['name']);
      return name === undefined ? [] : [{ name, description: asText(command['description']) ?? '' }];
    });
  return mapped({ ...state, commandsSent: true }, { type: 'available_commands_update', commands });
}

export function mapStatus(frame: SDKStatusMessage, state: MappingState): Mapped {
  const mode = changedMode(frame.permissionMode, state);
  const events = [...mode.events];
  const compacting = frame.status === 'compacting';
  if (compacting && !state.compacting) {
    events.push(notice('info', 'compacting', 'The conversation is being summarized.'));
  }
  if (frame.compact_result === 'failed') {
    const cause = asText(frame.compact_error);
    const message = 'The conversation could not be summarized.';
    events.push(notice('warning', 'compaction_failed', cause === undefined ? message : `${message} ${cause}`));
  }
  return mapped({ ...mode.state, compacting }, ...events);
}

export function mapCompactBoundary(frame: SDKCompactBoundaryMessage, state: MappingState): Mapped {
  const facts = asRecord(frame.compact_metadata);
  const before = asCount(facts['pre_tokens']);
  const after = asCount(facts['post_tokens']);
  const sizes = before === undefined || after === undefined ? '' : ` (${before} tokens became ${after})`;
  const event = notice('info', 'compacted', `The conversation was summarized${sizes}.`, {
    trigger: asText(facts['trigger']),
    preTokens: before,
    postTokens: after,
    durationMs: asCount(facts['duration_ms']),
  });
  const usage = withUsageUpdate(after === undefined ? state : withContextUsed(state, after));
  return mapped({ ...usage.state, compacting: false }, event, ...usage.events);
}

/**
 * The conversation starts over, and so do the running totals. The session id for it comes with the next `init`:
 * `new_conversation_id` is a different id.
 */
export function mapConversationReset(frame: SDKConversationResetMessage, state: MappingState): Mapped {
  const message = 'The conversation was cleared and starts over.';
  const event = notice('info', 'conversation_reset', message, { trigger: asText(frame.trigger) });
  const fresh: MappingState = { ...state, resetting: true, totals: zeroTotals, plan: new Map() };
  const usage = withUsageUpdate(withContextUsed(fresh, 0));
  return mapped(usage.state, event, ...usage.events);
}
