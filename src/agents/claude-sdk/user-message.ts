import type { SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import type { ContentBlock } from '../../protocol/content.ts';
import type { AgentPrompt } from '../agent-backend.ts';

type Content = Exclude<SDKUserMessage['message']['content'], string>;

function toParam(block: ContentBlock): Content[number] {
  return block.type === 'text'
    ? { type: 'text', text: block.text }
    : { type: 'image', source: { type: 'base64', media_type: block.mimeType, data: block.data } };
}

/** A prompt as the SDK takes it, stamped with its turn's id: the agent's answers carry it back. */
export function toUserMessage({ turnId, content }: AgentPrompt, sessionId: string): SDKUserMessage {
  const [first] = content;
  return {
    type: 'user',
    // Plain text stays plain: the program knows its slash commands by it.
    message: {
      role: 'user',
      content: content.length === 1 && first?.type === 'text' ? first.text : content.map(toParam),
    },
    parent_tool_use_id: null,
    session_id: sessionId,
    uuid: turnId as NonNullable<SDKUserMessage['uuid']>,
  };
}
