/**
 * What a process is started with that continues a call. The program asks about the call again only where its settings do
 * not already allow or refuse it, and they may have changed since a person was asked.
 */
import type { Settings } from '@anthropic-ai/claude-agent-sdk';
import type { PermissionMode } from '../../protocol/chat.ts';
import type { AgentSessionSpec } from '../agent-backend.ts';

/**
 * True if the program is made to ask, so that it does what the answer says, and not before that is stored. Asked like that
 * it offers nothing to remember, so `allow_always` has to do without.
 */
export function mustAsk({ continues }: AgentSessionSpec): boolean {
  return continues !== undefined && continues.answer.outcome !== 'allow_always';
}

/** The process is started unlike others of the session: another one is needed for the next turn. */
export const isForOneCall = (spec: AgentSessionSpec): boolean =>
  spec.continues !== undefined && (mustAsk(spec) || spec.permissionMode === 'dontAsk');

/** In the mode `dontAsk` the program would refuse what a person has allowed. */
export function modeToStart({ continues, permissionMode }: AgentSessionSpec): PermissionMode {
  return continues && permissionMode === 'dontAsk' ? 'default' : permissionMode;
}

/** An `ask` rule goes before every other rule, and holds in every mode. */
export function withQuestion(settings: Settings, spec: AgentSessionSpec): Settings {
  if (!spec.continues || !mustAsk(spec)) return settings;
  const ask = [...(settings.permissions?.ask ?? []), spec.continues.toolName];
  return { ...settings, permissions: { ...settings.permissions, ask } };
}
