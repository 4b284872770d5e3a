/**
 * Partial output. This is the hot path, thousands of calls per second: a delta finds its block, creates one event and
 * returns the state unchanged.
 */
import type { SDKPartialAssistantMessage } from '@anthropic-ai/claude-agent-sdk';
import type { AgentEvent } from '../../agent-backend.ts';
import { withStreamUsage, withUsageUpdate } from './context-usage.ts';
import { asCount, asRecord, asText, type LooseRecord } from './loose-json.ts';
import { type Mapped, mapped, type MappingState } from './mapping-state.ts';
import { beginBlock, beginMessage, type BlockKind, type OpenBlock } from './open-message.ts';

export function mapStreamEvent(frame: SDKPartialAssistantMessage, state: MappingState): Mapped {
  const event = asRecord(frame.event);
  const parent = asText(frame.parent_tool_use_id);
  switch (event['type']) {
    case 'content_block_delta':
      return blockDelta(event, parent, state);
    case 'message_start':
      return messageStart(asRecord(event['message']), parent, state);
    case 'content_block_start':
      return blockStart(event, parent, state);
    case 'message_delta':
      if (parent !== undefined) return mapped(state);
      return withUsageUpdate(withStreamUsage(state, undefined, event['usage']));
    case 'content_block_stop':
    case 'message_stop':
    case 'ping':
      return mapped(state);
    default:
      return { events: [], state, unmapped: `stream_event/${asText(event['type']) ?? '?'}` };
  }
}

function blockDelta(event: LooseRecord, parent: string | undefined, state: MappingState): Mapped {
  const delta = asRecord(event['delta']);
  const block = state.openMessages.get(parent ?? '')?.blocks.get(event['index'] as number);
  if (!block) return { events: [], state, dropped: ['stream_event/block_unknown'] };
  const chunk = chunkOf(block, delta, parent);
  return { events: chunk ? [chunk] : [], state };
}

/** Undefined for what readers do not see: signatures, citations, and deltas that do not fit their block. */
function chunkOf(block: OpenBlock, delta: LooseRecord, parent: string | undefined): AgentEvent | undefined {
  const from = parent === undefined ? undefined : { parentToolCallId: parent };
  switch (delta['type']) {
    case 'text_delta': {
      const text = asText(delta['text']);
      if (text === undefined || block.kind !== 'text') return undefined;
      return { type: 'agent_message_chunk', messageId: block.id, content: { type: 'text', text }, ...from };
    }
    case 'thinking_delta': {
      const text = asText(delta['thinking']);
      if (text === undefined || block.kind !== 'thinking') return undefined;
      return { type: 'agent_thought_chunk', messageId: block.id, content: { type: 'text', text }, ...from };
    }
    case 'input_json_delta': {
      const partialInput = asText(delta['partial_json']);
      if (partialInput === undefined || block.kind !== 'tool') return undefined;
      return { type: 'tool_call_chunk', toolCallId: block.id, title: block.title, partialInput, ...from };
    }
    default:
      return undefined;
  }
}

function messageStart(message: LooseRecord, parent: string | undefined, state: MappingState): Mapped {
  const id = asText(message['id']);
  if (id === undefined) return { events: [], state, dropped: ['stream_event/message_without_id'] };
  const begun = { ...state, openMessages: beginMessage(state.openMessages, parent ?? '', id) };
  if (parent !== undefined) return mapped(begun);
  return mapped(withStreamUsage(begun, asText(message['model']), message['usage']));
}

function blockStart(event: LooseRecord, parent: string | undefined, state: MappingState): Mapped {
  const content = asRecord(event['content_block']);
  const index = asCount(event['index']);
  const kind = kindOf(content['type']);
  const openMessages =
    index === undefined
      ? undefined
      : beginBlock(state.openMessages, parent ?? '', index, {
          kind,
          id: kind === 'tool' ? asText(content['id']) : undefined,
          title: asText(content['name']),
        });
  if (!openMessages) return { events: [], state, dropped: ['stream_event/message_unknown'] };
  return mapped({ ...state, openMessages });
}

export function kindOf(blockType: unknown): BlockKind {
  switch (blockType) {
    case 'text':
      return 'text';
    case 'thinking':
      return 'thinking';
    case 'tool_use':
    case 'server_tool_use':
    case 'mcp_tool_use':
      return 'tool';
    default:
      return 'other';
  }
}
