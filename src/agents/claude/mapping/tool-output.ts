/** A tool call's result as content for readers: text, images, and a diff for each edit. */
import { type ContentBlock, imageMimeTypes } from '../../../protocol/content.ts';
import type { ToolCallContent } from '../../../protocol/event.ts';
import { cutText, maxOutputLength } from './bounded-output.ts';
import { asCount, asList, asRecord, asText, isRecord, type LooseRecord, oneOf } from './loose-json.ts';
import type { OpenCall } from './mapping-state.ts';

// The Messages API accepts no larger image.
const maxImageLength = 8 * 1024 * 1024;

/** `output` is the tool's structured output, if any; `content` is what the model received. */
export function toolContent(
  call: OpenCall | undefined,
  failed: boolean,
  content: unknown,
  output: unknown,
): ToolCallContent[] {
  const diffs = call && !failed ? diffsOf(call, asRecord(output)) : [];
  if (diffs.length > 0) return diffs;
  const report = call && !failed ? agentReport(call, asRecord(output)) : undefined;
  const readable = report ?? content;
  const blocks = typeof readable === 'string' ? [{ type: 'text', text: readable }] : asList(readable);
  return blocks.flatMap((block) => {
    const shown = contentBlock(block);
    return shown ? [{ type: 'content' as const, content: shown }] : [];
  });
}

/** A sub-agent's report, without the text that the program wraps around it for the model. */
function agentReport(call: OpenCall, output: LooseRecord): unknown {
  if (call.toolName !== 'Agent' && call.toolName !== 'Task') return undefined;
  if (output['status'] === 'completed') {
    // The program's own notes come before and after the report.
    const parts = asList(output['content']);
    const notes = asCount(output['harnessNoteCount']) ?? 0;
    return parts.slice(notes, parts.length - (asCount(output['harnessTailCount']) ?? 0));
  }
  return output['status'] === 'async_launched' ? 'The sub-agent is working in the background.' : undefined;
}

function text(value: string): ContentBlock {
  return { type: 'text', text: cutText(value) };
}

function contentBlock(value: unknown): ContentBlock | undefined {
  if (!isRecord(value)) return undefined;
  switch (value['type']) {
    case 'text': {
      const words = asText(value['text']);
      return words === undefined ? undefined : text(words);
    }
    case 'image':
      return image(value);
    case 'document':
    case 'search_result':
    case 'web_search_result': {
      const name = asText(value['title']) ?? asText(value['source']);
      const url = asText(value['url']);
      return text([name ?? `[${value['type']}]`, url].filter((part) => part !== undefined).join(' – '));
    }
    case 'tool_reference':
      return text(`[tool ${asText(value['tool_name']) ?? 'without a name'}]`);
    case 'resource_link':
      return text(`[${asText(value['name']) ?? 'resource'}] ${asText(value['uri']) ?? ''}`.trim());
    default: {
      // A block of an unknown type, such as a code execution result: show its text.
      const words = asText(value['text']) ?? asText(value['stdout']) ?? asText(value['error_code']);
      return words === undefined ? undefined : text(words);
    }
  }
}

function image(block: LooseRecord): ContentBlock {
  const source = isRecord(block['source']) ? block['source'] : block;
  const mimeType = oneOf(imageMimeTypes, source['media_type'] ?? source['mimeType']);
  const data = asText(source['data']);
  if (mimeType === undefined || data === undefined || !isBase64(data)) {
    const url = asText(source['url']);
    return text(url === undefined ? '[image that cannot be shown]' : `[image] ${url}`);
  }
  if (data.length > maxImageLength) return text(`[image left out: ${data.length} characters of base64]`);
  return { type: 'image', mimeType, data };
}

function isBase64(data: string): boolean {
  return data.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(data);
}

function diffsOf(call: OpenCall, output: LooseRecord): ToolCallContent[] {
  const input = asRecord(call.input);
  switch (call.toolName) {
    case 'Edit': {
      // The output is more accurate than the input: a person may have changed the edit before allowing it.
      const oldText = anyText(output['oldString']) ?? anyText(input['old_string']);
      const newText = anyText(output['newString']) ?? anyText(input['new_string']);
      return diff(output['filePath'] ?? input['file_path'], oldText === '' ? null : oldText, newText);
    }
    case 'MultiEdit':
      return asList(input['edits']).flatMap((edit) => {
        const { old_string: before, new_string: after } = asRecord(edit);
        return diff(input['file_path'], before === '' ? null : anyText(before), anyText(after));
      });
    case 'Write': {
      const before = output['type'] === 'update' ? anyText(output['originalFile']) : null;
      const after = anyText(output['content']) ?? anyText(input['content']);
      // The old content of a large file is not reported: a diff against nothing would look like a new file.
      if (before === undefined) return [];
      return diff(output['filePath'] ?? input['file_path'], before, after);
    }
    case 'NotebookEdit': {
      const after = input['edit_mode'] === 'delete' ? '' : anyText(input['new_source']);
      return diff(input['notebook_path'], anyText(output['old_source']) ?? null, after);
    }
    default:
      return [];
  }
}

/** Both sides complete, or no diff: a truncated side would show a deletion that never happened. */
function diff(path: unknown, oldText: string | null | undefined, newText: string | undefined): ToolCallContent[] {
  const file = asText(path);
  if (file === undefined || oldText === undefined || newText === undefined) return [];
  if ((oldText?.length ?? 0) > maxOutputLength || newText.length > maxOutputLength) return [];
  return [{ type: 'diff', path: file, oldText, newText }];
}

function anyText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
