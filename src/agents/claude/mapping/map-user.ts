/**
 * User frames carry the results of tools. Everything else in them is a replayed prompt of ours, or text from the agent
 * to its model (reminders, summaries, a sub-agent's task), which readers do not need.
 */
import type { SDKUserMessage, SDKUserMessageReplay } from '@anthropic-ai/claude-agent-sdk';
import type { AgentEvent } from '../../agent-backend.ts';
import { asList, asRecord, asText, isRecord } from './loose-json.ts';
import { type Mapped, mapped, type MappingState } from './mapping-state.ts';
import { notice } from './notice.ts';
import { oneLine } from './one-line.ts';
import { toolResult } from './map-tool-result.ts';

/** What a Stop hook tells an agent that wanted to stop. The program puts it into a message that no person wrote. */
function stopFeedback(message: unknown): string | undefined {
  const { content } = asRecord(message);
  const text = typeof content === 'string' ? content : asText(asRecord(asList(content)[0])['text']);
  const words = /^Stop hook feedback:\n([\s\S]*)$/.exec(text ?? '')?.[1];
  return words === undefined ? undefined : oneLine(words, maxFeedbackLength);
}

const maxFeedbackLength = 2000;

export function mapUser(frame: SDKUserMessage | SDKUserMessageReplay, state: MappingState): Mapped {
  if ('isReplay' in frame && frame.isReplay) return { events: [], state, dropped: ['user/replay'] };
  const parent = asText(frame.parent_tool_use_id);
  const results = asList(asRecord(frame.message)['content'])
    .filter(isRecord)
    .filter((block) => block['type'] === 'tool_result');
  if (results.length === 0) {
    const words = parent === undefined ? stopFeedback(frame.message) : undefined;
    if (words === undefined) return { events: [], state, dropped: ['user/text'] };
    return mapped(state, notice('info', 'hook_feedback', `A Stop hook made the agent continue: ${words}`));
  }
  const events: AgentEvent[] = [];
  let next = state;
  for (const block of results) {
    const { content } = block;
    // The structured output belongs to the frame: with several results it is ambiguous.
    const output = results.length === 1 ? (frame.tool_use_result ?? content) : content;
    const failed = block['is_error'] === true;
    const result = toolResult({ toolCallId: block['tool_use_id'], failed, content, output }, parent, next);
    next = result.state;
    events.push(...result.events);
  }
  return { events, state: next };
}
