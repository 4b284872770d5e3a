/** The two wire formats of a message: a stream of events, and one body. */
import type { ServerResponse } from 'node:http';
import type { StopReason } from './reply.ts';
import type { InputUsage } from './usage.ts';

export type ContentStart =
  | { type: 'text'; text: '' }
  | { type: 'thinking'; thinking: ''; signature: '' }
  | { type: 'tool_use'; id: string; name: string; input: Record<string, never> };

export type ContentDelta =
  | { type: 'text_delta'; text: string }
  | { type: 'thinking_delta'; thinking: string }
  | { type: 'signature_delta'; signature: string }
  | { type: 'input_json_delta'; partial_json: string };

export interface MessageSink {
  begin(message: { id: string; model: string; usage: InputUsage }): void;
  startBlock(index: number, block: ContentStart): void;
  /** Resolves when more may be written. */
  delta(index: number, delta: ContentDelta): Promise<void>;
  stopBlock(index: number): void;
  finish(stopReason: StopReason, outputTokens: number): void;
  /** Bytes no client expects. */
  malformed(): void;
  breakOff(errorType: string, message: string): void;
}

export function createStreamSink(response: ServerResponse): MessageSink {
  let inputUsage: InputUsage | undefined;
  function emit(type: string, fields: Record<string, unknown>): boolean {
    return response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
  }
  return {
    begin({ id, model, usage }) {
      inputUsage = usage;
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
      const head = { id, type: 'message', role: 'assistant', model, content: [], stop_reason: null };
      emit('message_start', { message: { ...head, stop_sequence: null, usage: { ...usage, output_tokens: 1 } } });
    },
    startBlock(index, block) {
      emit('content_block_start', { index, content_block: block });
    },
    async delta(index, delta) {
      if (emit('content_block_delta', { index, delta }) || response.destroyed) return;
      await new Promise<void>((resolve) => {
        const go = (): void => {
          response.off('drain', go).off('close', go);
          resolve();
        };
        response.on('drain', go).on('close', go);
      });
    },
    stopBlock(index) {
      emit('content_block_stop', { index });
    },
    finish(stopReason, outputTokens) {
      emit('message_delta', {
        delta: { stop_reason: stopReason, stop_sequence: null },
        usage: { ...inputUsage, output_tokens: outputTokens },
      });
      emit('message_stop', {});
      response.end();
    },
    malformed() {
      response.end('event: content_block_delta\ndata: {"type": "content_block_delta", "index":\n\n');
    },
    breakOff(errorType, message) {
      emit('error', { error: { type: errorType, message } });
      response.end();
    },
  };
}

export function createBodySink(response: ServerResponse): MessageSink {
  const content: Record<string, unknown>[] = [];
  let head: { id: string; model: string; usage: InputUsage } | undefined;
  let json = '';

  function respond(status: number, body: string): void {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  }
  return {
    begin(message) {
      head = message;
    },
    startBlock(_index, block) {
      content.push({ ...block });
      json = '';
    },
    delta(index, delta) {
      const block = content[index];
      if (block && delta.type === 'text_delta') block['text'] = String(block['text']) + delta.text;
      if (block && delta.type === 'thinking_delta') block['thinking'] = String(block['thinking']) + delta.thinking;
      if (block && delta.type === 'signature_delta') block['signature'] = delta.signature;
      if (delta.type === 'input_json_delta') json += delta.partial_json;
      return Promise.resolve();
    },
    stopBlock(index) {
      const block = content[index];
      if (block?.['type'] === 'tool_use') block['input'] = JSON.parse(json === '' ? '{}' : json);
    },
    finish(stopReason, outputTokens) {
      const usage = { ...head?.usage, output_tokens: outputTokens };
      const message = { id: head?.id, type: 'message', role: 'assistant', model: head?.model, content };
      respond(200, JSON.stringify({ ...message, stop_reason: stopReason, stop_sequence: null, usage }));
    },
    malformed() {
      respond(200, '{"type": "message", "content": [');
    },
    breakOff(errorType, message) {
      respond(500, JSON.stringify({ type: 'error', error: { type: errorType, message } }));
    },
  };
}
