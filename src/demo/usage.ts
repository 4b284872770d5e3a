import type { MessagesRequest } from './request.ts';

export interface InputUsage {
  input_tokens: number;
  cache_creation_input_tokens: number;
  cache_read_input_tokens: number;
}

const charactersPerToken = 4;

function estimate(value: unknown): number {
  return Math.ceil((JSON.stringify(value) ?? '').length / charactersPerToken);
}

export function countTokens(request: MessagesRequest): number {
  return estimate(request.system ?? '') + estimate(request.tools ?? []) + estimate(request.messages);
}

/** As if the API had cached everything before the model's last message, and now caches what is new. */
export function inputUsageOf(request: MessagesRequest): InputUsage {
  const total = countTokens(request);
  const uncached = 3;
  const lastAnswer = request.messages.findLastIndex((message) => message.role === 'assistant');
  const read = lastAnswer < 0 ? 0 : countTokens({ ...request, messages: request.messages.slice(0, lastAnswer) });
  return {
    input_tokens: uncached,
    cache_creation_input_tokens: Math.max(0, total - read - uncached),
    cache_read_input_tokens: read,
  };
}
