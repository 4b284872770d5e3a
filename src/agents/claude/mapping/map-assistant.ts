/** Complete blocks of an answer: text, thinking, tool calls, and the results of tools that the API runs itself. */
import type { SDKAssistantMessage } from '@anthropic-ai/claude-agent-sdk';
import type { AgentEvent } from '../../agent-backend.ts';
import { withMessageUsage } from './context-usage.ts';
import { asList, asRecord, asText, isRecord, type LooseRecord } from './loose-json.ts';
import type { Delivered, Mapped, MappingState, TurnState } from './mapping-state.ts';
import { planEvent, planFromInput } from './map-plan.ts';
import { kindOf } from './map-stream-event.ts';
import { toolResult } from './map-tool-result.ts';
import { settleBlocks } from './open-message.ts';
import { toolKind, toolTitle } from './tool-title.ts';
import { isoTime } from './iso-time.ts';
import { isProblemKind } from './turn-problem.ts';
import { withdrawal } from './withdrawal.ts';

export const syntheticModel = '<synthetic>';
// What the agent adds to its own transcript when a turn was meant to have no answer.
const noAnswer = 'No response requested.';

export function mapAssistant(frame: SDKAssistantMessage, state: MappingState): Mapped {
  const message = asRecord(frame.message);
  const parent = asText(frame.parent_tool_use_id);
  const blocks = asList(message['content']).filter(isRecord);
  const synthetic = message['model'] === syntheticModel;
  if (synthetic && isProblemKind(frame.error)) return problemFrame(frame, frame.error, blocks, parent, state);
  if (synthetic && blocks.length === 1 && blocks[0]?.['text'] === noAnswer) {
    return { events: [], state, dropped: ['assistant/no_response_requested'] };
  }

  const apiId = asText(message['id']) ?? asText(frame.uuid) ?? 'message';
  const open = state.openMessages.get(parent ?? '');
  const { openMessages, ids } = settleBlocks(
    state.openMessages,
    parent ?? '',
    apiId,
    blocks.map((block) => kindOf(block['type'])),
  );

  const events: AgentEvent[] = withdrawal(state.turn.delivered, frame.supersedes);
  const dropped: string[] = [];
  let next: MappingState = { ...state, openMessages };
  // Streamed messages have already reported their usage, more precisely.
  if (parent === undefined && !synthetic && !(open?.apiId === apiId && open.streamed)) {
    next = withMessageUsage(next, asText(message['model']), message['usage']);
  }
  const made: string[] = [];
  for (const [index, block] of blocks.entries()) {
    const id = ids[index] ?? apiId;
    const result = mapBlock(block, id, parent, next);
    next = result.state;
    events.push(...result.events);
    if (result.events.length > 0) made.push(id);
    dropped.push(...(result.dropped ?? []));
  }
  const turn: TurnState = {
    ...next.turn,
    answered: next.turn.answered || (parent === undefined && events.some((event) => event.type === 'agent_message')),
    problem: isProblemKind(frame.error) && parent === undefined ? { kind: frame.error, text: '' } : next.turn.problem,
    delivered: remember(next.turn.delivered, frame.uuid, made),
  };
  return { events, state: { ...next, turn }, ...(dropped.length > 0 ? { dropped } : {}) };
}

function remember(before: Delivered | null, frame: unknown, ids: readonly string[]): Delivered | null {
  const uuid = asText(frame);
  return uuid === undefined || ids.length === 0 ? before : { frame: uuid, ids, before };
}

/**
 * The agent writes an API error as an answer of its own. It is not an answer: `turn_finished` carries it. In a
 * sub-agent it ends only the sub-agent, and is reported immediately.
 */
function problemFrame(
  frame: SDKAssistantMessage,
  kind: NonNullable<SDKAssistantMessage['error']>,
  blocks: readonly LooseRecord[],
  parent: string | undefined,
  state: MappingState,
): Mapped {
  const text = blocks.flatMap((block) => asText(block['text']) ?? []).join('\n');
  if (parent === undefined) {
    // Only for transcripts; the SDK reports it in a separate frame.
    const limitResetsAt =
      isoTime(asRecord((frame as { quotaLimits?: unknown }).quotaLimits)['resetsAt']) ?? state.turn.limitResetsAt;
    return { events: [], state: { ...state, turn: { ...state.turn, problem: { kind, text }, limitResetsAt } } };
  }
  const message = text === '' ? `A sub-agent failed: ${kind}.` : `A sub-agent failed: ${text}`;
  const data = { error: kind, parentToolCallId: parent };
  return { events: [{ type: 'notice', level: 'warning', code: 'subagent_error', message, data }], state };
}

function mapBlock(block: LooseRecord, id: string, parent: string | undefined, state: MappingState): Mapped {
  const from = parent === undefined ? undefined : { parentToolCallId: parent };
  const type = asText(block['type']) ?? '?';
  switch (kindOf(type)) {
    case 'text': {
      const text = asText(block['text']);
      if (text === undefined) return { events: [], state, dropped: ['text/empty'] };
      return { events: [{ type: 'agent_message', messageId: id, content: [{ type: 'text', text }], ...from }], state };
    }
    case 'thinking': {
      const text = asText(block['thinking']);
      if (text === undefined) return { events: [], state, dropped: ['thinking/empty'] };
      return { events: [{ type: 'agent_thought', messageId: id, content: [{ type: 'text', text }], ...from }], state };
    }
    case 'tool':
      return toolCall(block, parent, state);
    case 'other':
      // The results of tools that the API runs: `web_search_tool_result`, `mcp_tool_result` and their like.
      if (type.endsWith('_tool_result')) return serverToolResult(block, parent, state);
      return { events: [], state, dropped: [type === 'redacted_thinking' ? 'thinking/redacted' : `block/${type}`] };
  }
}

function toolCall(block: LooseRecord, parent: string | undefined, state: MappingState): Mapped {
  const toolCallId = asText(block['id']);
  const toolName = asText(block['name']);
  if (toolCallId === undefined || toolName === undefined) return { events: [], state, dropped: ['tool_call/unnamed'] };
  // After a resume the agent may send again a message that made a call which is still running.
  if (state.openCalls.has(toolCallId)) return { events: [], state, dropped: ['tool_call/repeated'] };
  const input = block['input'] ?? {};
  const events: AgentEvent[] = [
    {
      type: 'tool_call',
      toolCallId,
      title: toolTitle(toolName, input),
      kind: toolKind(toolName),
      toolName,
      rawInput: input,
      ...(parent === undefined ? undefined : { parentToolCallId: parent }),
    },
  ];
  const openCalls = new Map(state.openCalls).set(toolCallId, { toolName, input, parentToolCallId: parent });
  // A sub-agent's list is not the chat's plan.
  const plan = parent === undefined ? planFromInput(toolName, input) : undefined;
  if (plan) events.push(planEvent(plan));
  return { events, state: { ...state, openCalls, plan: plan ?? state.plan } };
}

function serverToolResult(block: LooseRecord, parent: string | undefined, state: MappingState): Mapped {
  const content = block['content'];
  const kind = asText(asRecord(content)['type']) ?? '';
  const failed = block['is_error'] === true || kind.endsWith('_error');
  // A single result is an object, several are a list.
  const list = isRecord(content) ? [content] : content;
  return toolResult({ toolCallId: block['tool_use_id'], failed, content: list, output: content }, parent, state);
}
