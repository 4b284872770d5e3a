/** Previews of one message or call, which come in pieces. */
import type { DeltaBody } from '../protocol/event.ts';

/** Which message or call a preview belongs to. */
export function previewKey(preview: DeltaBody): string {
  return preview.type === 'tool_call_chunk' ? preview.toolCallId : preview.messageId;
}

export function previewText(preview: DeltaBody): string {
  return preview.type === 'tool_call_chunk' ? preview.partialInput : preview.content.text;
}

/** Whether the two are pieces of one text. */
function isSamePreview(one: DeltaBody, other: DeltaBody): boolean {
  return one.type === other.type && previewKey(one) === previewKey(other);
}

export function withPreviewText<T extends DeltaBody>(preview: T, text: string): T {
  if (preview.type === 'tool_call_chunk') return { ...preview, partialInput: text };
  return { ...preview, content: { type: 'text', text } };
}

/** Both pieces as one; of another text, the later one alone. */
export function joinedPreview<T extends DeltaBody>(sofar: T, next: T): T {
  return isSamePreview(sofar, next) ? withPreviewText(sofar, previewText(sofar) + previewText(next)) : next;
}
