/**
 * What a process is started with that continues a call. The program asks about the call again only where its settings do
 * not already allow or refuse it, and they may have changed since a person was asked.
 */
import type { Settings } from '@anthropic-ai/claude-agent-sdk';
import type { PermissionMode } from '../../protocol/chat.ts';
import type { AgentEvent, AgentSessionSpec } from '../agent-backend.ts';
import { withoutResult } from '../claude/files/defer-call.ts';

/**
 * True if the program is made to ask, so that it does what the answer says, and not before that is stored. Asked like that
 * it offers nothing to remember, so `allow_always` has to do without.
 */
export function mustAsk({ continues }: AgentSessionSpec): boolean {
  return continues !== undefined && !continues.asksAgain && continues.answer.outcome !== 'allow_always';
}

/** The call is continued now or later. */
export const isWaiting = ({ continues }: AgentSessionSpec, toolCallId: string): boolean =>
  continues !== undefined && [continues.toolCallId, ...continues.waitingCallIds].includes(toolCallId);

/** The process is started unlike others of the session: another one is needed for the next turn. */
export const isForOneCall = (spec: AgentSessionSpec): boolean =>
  spec.continues !== undefined &&
  (mustAsk(spec) || editedTool(spec) !== undefined || spec.permissionMode === 'dontAsk');

/** In the mode `dontAsk` the program would refuse what a person has allowed. */
export function modeToStart({ continues, permissionMode }: AgentSessionSpec): PermissionMode {
  return continues && permissionMode === 'dontAsk' ? 'default' : permissionMode;
}

/** An `ask` rule goes before every other rule, and holds in every mode. `toolName`: that of the call. */
export function withQuestion(settings: Settings, spec: AgentSessionSpec, toolName: string | undefined): Settings {
  const asked = mustAsk(spec) ? toolName : editedTool(spec);
  if (asked === undefined) return settings;
  const ask = [...(settings.permissions?.ask ?? []), asked];
  return { ...settings, permissions: { ...settings.permissions, ask } };
}

/** The tool whose call is to run as it was edited, and so must not run without a question. */
function editedTool({ continues }: AgentSessionSpec): string | undefined {
  return continues?.answer.input === undefined ? undefined : continues.asksAgain?.toolName;
}

/** Why the program may not ask the model yet. */
export const heldBack = 'The agent continues once every call of its message has a result.';

/** That the program was held back is no failure. */
export function asHeldBack(event: AgentEvent): AgentEvent {
  if (event.type === 'notice' && event.message.includes(heldBack))
    return { ...event, level: 'info', message: heldBack };
  if (event.type !== 'turn_finished' || !event.error?.message.includes(heldBack)) return event;
  const { error: _, ...end } = event;
  return { ...end, outcome: 'completed' };
}

/** A call that was given a result because nobody will continue it. */
export const endedCall = (toolCallId: string): AgentEvent => ({
  type: 'tool_call_update',
  toolCallId,
  status: 'failed',
  content: [{ type: 'content', content: { type: 'text', text: withoutResult } }],
  rawOutput: null,
});
