import { z } from 'zod';

const block = z.looseObject({ type: z.string() });
export type Block = z.infer<typeof block>;

const content = z.union([z.string(), z.array(block)]);

/** The parts of a Messages request that the demo model reads. Every other field is ignored. */
const messagesRequest = z.looseObject({
  model: z.string().min(1),
  max_tokens: z.int().positive().optional(),
  stream: z.boolean().optional(),
  system: content.optional(),
  tools: z.array(z.looseObject({ name: z.string().optional() })).optional(),
  output_config: z.looseObject({ format: z.looseObject({ schema: z.unknown() }).nullish() }).optional(),
  messages: z.array(z.looseObject({ role: z.enum(['user', 'assistant', 'system']), content })).min(1),
});
export type MessagesRequest = z.infer<typeof messagesRequest>;

export type ParsedRequest = { ok: true; request: MessagesRequest } | { ok: false; message: string };

export function parseRequest(body: unknown): ParsedRequest {
  const parsed = messagesRequest.safeParse(body);
  if (parsed.success) return { ok: true, request: parsed.data };
  const issue = parsed.error.issues[0];
  return { ok: false, message: `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'invalid'}` };
}

export function blocksOf(value: string | Block[]): Block[] {
  return typeof value === 'string' ? [{ type: 'text', text: value }] : value;
}

/** The text of a block, including the parts of a tool result; empty if there is none. */
export function textOfBlock(part: Block): string {
  if (part.type === 'text') return typeof part['text'] === 'string' ? part['text'] : '';
  if (part.type !== 'tool_result') return '';
  const inner = part['content'];
  if (typeof inner === 'string') return inner;
  const parsed = z.array(block).safeParse(inner);
  return parsed.success ? parsed.data.map(textOfBlock).join('\n') : '';
}
