/**
 * What MCP servers ask a person in the terminal. The program runs this hook first and opens its own dialog only where the
 * hook has no answer, so that such a question is asked here alone; the terminal says where.
 */
import type { AgentEvent } from '../agent-backend.ts';
import { elicitationAsked, elicitationResult } from '../claude/elicitation.ts';
import { asText, isRecord } from '../claude/mapping/loose-json.ts';
import type { MappingState } from '../claude/mapping/mapping-state.ts';
import { pageDone } from '../claude/mapping/map-notices.ts';
import { oneLine } from '../claude/mapping/one-line.ts';
import type { PermissionRequests } from '../claude/permission-requests.ts';
import type { HookCall, HookServer } from './hook-server.ts';

/** The hooks as the program's settings name them. */
export function formHooks(command: HookServer['command']) {
  return {
    Elicitation: [
      { matcher: '', hooks: [{ ...command, statusMessage: 'a server asks you: answer in BooCode, Esc stops' }] },
    ],
    Notification: [{ matcher: 'elicitation_complete', hooks: [{ ...command, timeout: 60 }] }],
  };
}

export function isFormCall({ input }: HookCall): boolean {
  return input['hook_event_name'] === 'Elicitation';
}

/** The open calls of the server that asks; its question comes from one of them, if it comes from a call at all. */
export function callsOfServer({ input }: HookCall, openCalls: MappingState['openCalls']): string[] {
  // The program makes a server's name a part of a tool's in this way.
  const prefix = `mcp__${(asText(input['mcp_server_name']) ?? '').replace(/[^\w-]/g, '_')}__`;
  return [...openCalls].flatMap(([id, { toolName }]) => (toolName.startsWith(prefix) ? [id] : []));
}

/**
 * Asks, and answers the hook. A question that was taken back is answered too: without an answer the program would open
 * its dialog now.
 */
export async function takeForm(call: HookCall, requests: PermissionRequests, signal: AbortSignal): Promise<void> {
  const { input } = call;
  const mode = input['mode'] === 'url' ? 'url' : 'form';
  const asked = elicitationAsked({
    serverName: asText(input['mcp_server_name']) ?? '',
    message: asText(input['message']) ?? '',
    mode,
    ...(mode === 'url'
      ? { url: asText(input['url']) ?? '', elicitationId: asText(input['elicitation_id']) ?? '' }
      : isRecord(input['requested_schema'])
        ? { requestedSchema: { ...input['requested_schema'] } }
        : {}),
  });
  const { action, content } = elicitationResult(await requests.ask(asked, signal));
  call.answer({ hookSpecificOutput: { hookEventName: 'Elicitation', action, ...(content ? { content } : {}) } });
}

/** What the program tells of a page that a person was sent to; undefined for every other call. */
export function noticeOf({ input }: HookCall): AgentEvent | undefined {
  if (input['hook_event_name'] !== 'Notification') return undefined;
  const [, serverName] = /^MCP server "(.*)" confirmed /s.exec(asText(input['message']) ?? '') ?? [];
  return pageDone(oneLine(serverName ?? 'without a name'));
}
