/**
 * An MCP server's question to a person, and the reply to the server. `allow` accepts it with the values that were
 * entered, `deny` declines it; if the question is withdrawn, the server receives `cancel`.
 */
import type { ElicitationRequest, ElicitationResult } from '@anthropic-ai/claude-agent-sdk';
import type { DecisionAnswer } from '../agent-backend.ts';
import { known } from './mapping/loose-json.ts';
import { oneLine } from './mapping/one-line.ts';
import type { Asked } from './permission-requests.ts';

/** The server's own title for the question is left out: it could pass for one of ours. */
export function elicitationAsked(request: ElicitationRequest): Asked {
  const { serverName, message, url, elicitationId, requestedSchema } = request;
  const mode = request.mode ?? 'form';
  return {
    kind: 'form',
    title: oneLine(`MCP server “${serverName}” asks: ${message}`),
    input: known({
      serverName,
      mode,
      message,
      ...(mode === 'url' ? { url, elicitationId } : { requestedSchema }),
    }),
    canAllowAlways: false,
    alwaysScope: [],
  };
}

export function elicitationResult(answer: DecisionAnswer | undefined): ElicitationResult {
  if (!answer) return { action: 'cancel' };
  if (answer.outcome === 'deny') return { action: 'decline' };
  return { action: 'accept', ...(answer.input ? { content: answer.input as ElicitationResult['content'] } : {}) };
}
