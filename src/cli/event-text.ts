/** The content of a feed's events, in words. */
import type { ContentBlock, Event } from '../client/client.ts';
import { grouped } from '../protocol/count-text.ts';
import { tokensIn } from '../protocol/usage.ts';
import { cutText, plainLine, plainText } from './plain-text.ts';

type EventOf<T extends Event['type']> = Extract<Event, { type: T }>;

const maxResultLines = 6;

export function blocksText(content: readonly ContentBlock[]): string {
  return content.map((block) => (block.type === 'text' ? block.text : `[${block.mimeType}]`)).join('\n');
}

/** `Bash  ls -la`; a title that starts with the tool's name does not repeat it. */
export function toolLine(call: EventOf<'tool_call'>): string {
  const name = plainLine(call.toolName);
  const title = plainLine(call.title, 160);
  if (title === name) return name;
  return `${name}  ${title.startsWith(`${name} `) ? title.slice(name.length + 1) : title}`;
}

/** The first lines of a result; a failed one says so even without text. */
export function resultLines(update: EventOf<'tool_call_update'>): string[] {
  const lines = update.content.flatMap((part) => {
    if (part.type === 'content')
      return plainText(blocksText([part.content]))
        .trimEnd()
        .split('\n');
    const before = part.oldText === null ? 0 : part.oldText.split('\n').length;
    const size = part.oldText === null ? 'new file' : `${before} → ${part.newText.split('\n').length} lines`;
    return [`${plainLine(part.path)} (${size})`];
  });
  const shown = lines.slice(0, maxResultLines).map((text) => cutText(text, 200));
  if (lines.length > shown.length) shown.push(`… ${grouped(lines.length - shown.length)} more lines`);
  if (update.status === 'failed') return [`✗ ${shown[0] || 'failed'}`, ...shown.slice(1)];
  return lines.every((text) => text === '') ? [] : shown;
}

const planMarks = { pending: '☐', in_progress: '◐', completed: '☑' };

export function planLines(entries: EventOf<'plan'>['entries']): string[] {
  return entries.map((entry) => `${planMarks[entry.status] ?? '☐'} ${plainLine(entry.content)}`);
}

export function turnSummary({
  usage,
  costUsd,
  chatId,
}: Pick<EventOf<'turn_finished'>, 'usage' | 'costUsd' | 'chatId'>): string {
  return `cost ${costText(costUsd)} · ${grouped(tokensIn(usage))} tokens in, ${grouped(usage.outputTokens)} out · chat ${chatId}`;
}

export function costText(costUsd: number): string {
  return `$${costUsd.toFixed(4)}`;
}
