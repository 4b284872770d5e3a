/** The end of a tool call. */
import type { AgentEvent } from '../../agent-backend.ts';
import { boundOutput } from './bounded-output.ts';
import { asText } from './loose-json.ts';
import { type Mapped, mapped, type MappingState, type OpenCall } from './mapping-state.ts';
import { planEvent, planFromResult } from './map-plan.ts';
import { toolContent } from './tool-output.ts';

export interface ToolResult {
  toolCallId: unknown;
  failed: boolean;
  /** What the model received. */
  content: unknown;
  /** The tool's structured output, or else the content. */
  output: unknown;
}

export function toolResult(result: ToolResult, parent: string | undefined, state: MappingState): Mapped {
  const toolCallId = asText(result.toolCallId);
  if (toolCallId === undefined) return { events: [], state, dropped: ['tool_result/without_id'] };
  const call = state.openCalls.get(toolCallId);
  const from = parent ?? call?.parentToolCallId;
  const events: AgentEvent[] = [
    {
      type: 'tool_call_update',
      toolCallId,
      status: result.failed ? 'failed' : 'completed',
      content: toolContent(call, result.failed, result.content, result.output),
      rawOutput: boundOutput(result.output ?? null),
      ...(from === undefined ? undefined : { parentToolCallId: from }),
    },
  ];
  if (!call) return mapped(state, ...events);
  const openCalls = new Map(state.openCalls);
  openCalls.delete(toolCallId);
  const plan = result.failed ? undefined : planFromResult(state.plan, call, result.output);
  if (plan) events.push(planEvent(plan));
  const next = { ...state, openCalls, plan: plan ?? state.plan };
  if (!result.failed) return mapped(next, ...events);
  // A sub-agent that failed ends its open calls. One that was sent to the background continues, and its call has not
  // failed.
  const ended = endCalls(next, (open) => open.parentToolCallId === toolCallId, 'The sub-agent was ended.');
  return mapped(ended.state, ...events, ...ended.events);
}

/** Ends the main loop's calls that a finished turn left open, because no results will come for them. */
export function endOpenCalls(state: MappingState): Mapped {
  return endCalls(state, (open) => open.parentToolCallId === undefined, 'The turn ended before this call did.');
}

function endCalls(state: MappingState, isEnded: (call: OpenCall) => boolean, reason: string): Mapped {
  const ended = new Set<string>();
  // A call comes after its parent, so one pass finds sub-agents' calls too.
  for (const [id, call] of state.openCalls) {
    if (isEnded(call) || (call.parentToolCallId !== undefined && ended.has(call.parentToolCallId))) ended.add(id);
  }
  if (ended.size === 0) return mapped(state);
  const openCalls = new Map(state.openCalls);
  const events = [...ended].map((toolCallId): AgentEvent => {
    const parent = openCalls.get(toolCallId)?.parentToolCallId;
    openCalls.delete(toolCallId);
    return {
      type: 'tool_call_update',
      toolCallId,
      status: 'failed',
      content: [{ type: 'content', content: { type: 'text', text: reason } }],
      rawOutput: null,
      ...(parent === undefined ? undefined : { parentToolCallId: parent }),
    };
  });
  return mapped({ ...state, openCalls }, ...events);
}
