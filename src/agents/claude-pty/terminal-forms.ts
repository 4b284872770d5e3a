/**
 * Forms of MCP servers in the terminal. The program runs this hook first and opens its own dialog only if the hook has
 * no answer, so such a question is asked only here; the terminal says where.
 */
import type { AgentEvent } from '../agent-backend.ts';
import { elicitationAsked, elicitationResult } from '../claude/elicitation.ts';
import { asText, isRecord } from '../claude/mapping/loose-json.ts';
import type { MappingState } from '../claude/mapping/mapping-state.ts';
import { pageDone } from '../claude/mapping/map-notices.ts';
import { oneLine } from '../claude/mapping/one-line.ts';
import type { PermissionRequests } from '../claude/permission-requests.ts';
import type { HookCall, HookServer } from './hook-server.ts';

/** The hooks for the program's settings. */
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

/** The open calls of the server that asks; the question comes from one of them, if it comes from a call at all. */
export function callsOfServer({ input }: HookCall, openCalls: MappingState['openCalls']): string[] {
  // This is how the program includes a server's name in a tool's name.
  const prefix = `mcp__${(asText(input['mcp_server_name']) ?? '').replace(/[^\w-]/g, '_')}__`;
  return [...openCalls].flatMap(([id, { toolName }]) => (toolName.startsWith(prefix) ? [id] : []));
}

/**
 * Asks, and answers the hook. A question that was withdrawn is answered too: otherwise the program would open its
 * dialog now.
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

/** The program's message about a page that a person was sent to; undefined for every other call. */
export function noticeOf({ input }: HookCall): AgentEvent | undefined {
  if (input['hook_event_name'] !== 'Notification') return undefined;
  const [, serverName] = /^MCP server "(.*)" confirmed /s.exec(asText(input['message']) ?? '') ?? [];
  return pageDone(oneLine(serverName ?? 'without a name'));
}
