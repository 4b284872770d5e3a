import type { SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import type { ContentBlock } from '../../protocol/content.ts';
import type { AgentPrompt } from '../agent-backend.ts';

type Content = Exclude<SDKUserMessage['message']['content'], string>;

function toParam(block: ContentBlock): Content[number] {
  return block.type === 'text'
    ? { type: 'text', text: block.text }
    : { type: 'image', source: { type: 'base64', media_type: block.mimeType, data: block.data } };
}

/** A prompt in the SDK's format, stamped with its turn's id, which the agent's answers repeat. */
export function toUserMessage({ turnId, content }: AgentPrompt, sessionId: string): SDKUserMessage {
  const [first] = content;
  return {
    type: 'user',
    // Plain text stays a string, which is how the program recognizes its slash commands.
    message: {
      role: 'user',
      content: content.length === 1 && first?.type === 'text' ? first.text : content.map(toParam),
    },
    parent_tool_use_id: null,
    session_id: sessionId,
    uuid: turnId as NonNullable<SDKUserMessage['uuid']>,
  };
}
