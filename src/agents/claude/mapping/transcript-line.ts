/**
 * What one line of the program's transcript means for a chat. Lines with what the agent said or did become the frames
 * that the SDK would have sent for them, so that one mapper serves both backends.
 *
 * The set of lines is open: unknown lines are skipped here, but still stored.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { ContentBlock } from '../../../protocol/content.ts';
import { asCount, asList, asRecord, asText, isRecord } from './loose-json.ts';
import { type IncomingMessage, incomingOfLine } from './incoming-message.ts';
import type { UnknownFrame } from './map-sdk-message.ts';
import { type RunningTotals, readTotals } from './model-costs.ts';
import { textBetween, withoutPasteMarks, withoutTags } from './typed-text.ts';

export type TranscriptLine =
  /** `isAborted`: the answer was cut short. */
  | { is: 'frame'; frame: UnknownFrame; requestId?: string | undefined; isAborted?: boolean }
  /** The model API failed for good, and so did the turn. */
  | { is: 'api_error'; frame: UnknownFrame; status: number | undefined }
  /** A person's message that starts a turn. */
  | { is: 'prompt'; id: string; content: ContentBlock[] }
  /**
   * Not written by a person: it starts a turn, or arrives in the middle of one. It may report that a task has ended.
   */
  | { is: 'incoming'; message: IncomingMessage; isPrompt: boolean; endedTask?: string | undefined }
  /** What a person typed that starts no turn by itself: a command, or text in the middle of a turn. */
  | { is: 'aside'; id: string; content: ContentBlock[] }
  /** Work that continues after its call has returned. */
  | { is: 'background'; frame: UnknownFrame; taskId: string; kind: string; toolCallId: string | undefined }
  /** Such work has ended; the prompt or text that tells the agent so comes later, and so may the result of its call. */
  | { is: 'task_end'; taskId: string; toolCallId: string | undefined }
  /**
   * What the model learns about MCP servers: those that are starting or have failed, and those whose tools are
   * available now.
   */
  | { is: 'mcp_servers'; pending: unknown; failed: unknown; connected: string[] }
  /** By a person, while the model answered, or while a tool was running or waiting. */
  | { is: 'interrupted'; isInRequest: boolean }
  /** A hook has stopped the turn. */
  | { is: 'hook_stop'; reason: string }
  | { is: 'turn_end' }
  | { is: 'totals'; totals: RunningTotals }
  | { is: 'nothing' };

const outputTags = ['local-command-stdout', 'local-command-stderr', 'bash-stdout', 'bash-stderr'];

/** The start of a line that the program wrote about a command. */
const localTag = /^\s*<(command-(name|message|args)|bash-input|(local-command|bash)-(stdout|stderr))>/;

const nothing: TranscriptLine = { is: 'nothing' };

/** `parentToolCallId` is the call that started the line's sub-agent. */
export function readLine(entry: SessionStoreEntry, parentToolCallId?: string): TranscriptLine {
  switch (entry.type) {
    case 'assistant':
      return assistantLine(entry, parentToolCallId);
    case 'user':
      return userLine(entry, parentToolCallId);
    case 'system':
      return parentToolCallId === undefined ? systemLine(entry) : nothing;
    case 'attachment':
      return parentToolCallId === undefined ? attachmentLine(entry) : nothing;
    case 'queue-operation':
      return parentToolCallId === undefined ? queueLine(entry) : nothing;
    case 'permission-mode':
      return systemFrame('status', { permissionMode: entry['permissionMode'] });
    case 'cost-state':
      return { is: 'totals', totals: readTotals(entry['totalCostUSD'], entry['modelUsage']) };
    default:
      return nothing;
  }
}

function assistantLine(entry: SessionStoreEntry, parent: string | undefined): TranscriptLine {
  const { message, uuid, error, supersedes, quotaLimits } = entry;
  const frame = {
    type: 'assistant',
    message,
    uuid,
    error,
    supersedes,
    quotaLimits,
    parent_tool_use_id: parent ?? null,
  };
  if (entry['isApiErrorMessage'] === true && parent === undefined) {
    return { is: 'api_error', frame, status: asCount(entry['apiErrorStatus']) };
  }
  const requestId = parent === undefined ? (asText(entry['requestId']) ?? '') : undefined;
  return { is: 'frame', frame, requestId, ...(entry['isAbortedMidStream'] === true ? { isAborted: true } : {}) };
}

function userLine(entry: SessionStoreEntry, parent: string | undefined): TranscriptLine {
  const said = asRecord(entry['message']);
  const { content } = said;
  const results = asList(content).filter((block) => isRecord(block) && block['type'] === 'tool_result');
  if (results.length > 0) return toolResultLine(entry, said, parent);
  if (parent !== undefined) return nothing;
  const text = textOf(content);
  const id = entry.uuid ?? '';
  // First of all, because the program marks most of these as its own.
  const { origin, turnOrigin } = entry;
  const message = incomingOfLine({ origin, turnOrigin }, text, id);
  // A hook's word about what came has the same origin.
  if (message && entry['hookText'] === true) return nothing;
  if (message) return { is: 'incoming', message, isPrompt: true, endedTask: textBetween(text, 'task-id') };
  // The same text typed by a person is a prompt.
  if (entry['rowSource'] === 'hook') return { is: 'frame', frame: { type: 'user', message: said, isSynthetic: true } };
  if (entry['isMeta'] === true || entry['isCompactSummary'] === true) return nothing;
  // If the program says that it was typed, it is a prompt, whatever it looks like.
  if (entry['promptSource'] !== 'typed' && entry['promptSource'] !== 'queued') {
    if (text.startsWith('[Request interrupted by user')) {
      return { is: 'interrupted', isInRequest: !text.includes('for tool use') };
    }
    const local = localLine(text, id);
    // A custom command starts a turn; a built-in one does not.
    if (local?.is === 'aside' && entry['turnOrigin'] === 'human') return { ...local, is: 'prompt' };
    if (local !== undefined) return local;
  }
  return { is: 'prompt', id, content: blocksOf(content) };
}

/** A typed command or its output; undefined for anything else. */
function localLine(text: string, id: string): TranscriptLine | undefined {
  if (!localTag.test(text)) return undefined;
  const outputs = outputTags.flatMap((tag) => textBetween(text, tag) ?? []);
  if (outputs.length > 0) return localOutput(outputs.join(''), id);
  const shell = textBetween(text, 'bash-input');
  if (shell !== undefined) return { is: 'aside', id, content: [{ type: 'text', text: `! ${shell}` }] };
  const command = textBetween(text, 'command-name');
  if (command === undefined) return undefined;
  const typed = `${command} ${textBetween(text, 'command-args') ?? ''}`.trim();
  return { is: 'aside', id, content: [{ type: 'text', text: typed }] };
}

function toolResultLine(
  entry: SessionStoreEntry,
  message: Record<string, unknown>,
  parent: string | undefined,
): TranscriptLine {
  const frame = {
    type: 'user',
    message,
    uuid: entry.uuid,
    parent_tool_use_id: parent ?? null,
    tool_use_result: entry['toolUseResult'],
  };
  const result = asRecord(entry['toolUseResult']);
  const shellTask = asText(result['backgroundTaskId']);
  const agentTask = result['isAsync'] === true ? asText(result['agentId']) : undefined;
  const taskId = shellTask ?? agentTask;
  if (taskId === undefined || parent !== undefined) return { is: 'frame', frame };
  const block = asRecord(asList(message['content'])[0]);
  const kind = shellTask === undefined ? 'local_agent' : 'local_bash';
  return { is: 'background', frame, taskId, kind, toolCallId: asText(block['tool_use_id']) };
}

function systemLine(entry: SessionStoreEntry): TranscriptLine {
  switch (entry['subtype']) {
    case 'turn_duration':
      return { is: 'turn_end' };
    case 'compact_boundary': {
      const facts = asRecord(entry['compactMetadata']);
      const { trigger, preTokens, postTokens, durationMs } = facts;
      return systemFrame('compact_boundary', {
        compact_metadata: { trigger, pre_tokens: preTokens, post_tokens: postTokens, duration_ms: durationMs },
      });
    }
    case 'api_error':
      return systemFrame('api_retry', {
        attempt: entry['retryAttempt'],
        max_retries: entry['maxRetries'],
        retry_delay_ms: entry['retryInMs'],
        error_status: asRecord(entry['error'])['status'],
      });
    case 'model_fallback':
    case 'model_consent_fallback':
      return systemFrame('model_fallback', {
        content: entry['content'],
        trigger: entry['trigger'],
        original_model: entry['originalModel'],
        fallback_model: entry['fallbackModel'],
      });
    case 'local_command':
      return localLine(asText(entry['content']) ?? '', entry.uuid ?? '') ?? nothing;
    case 'informational':
      return systemFrame('informational', {
        content: entry['content'],
        level: entry['level'],
        prevent_continuation: entry['preventContinuation'],
        prompt_submit_outcome: asRecord(entry['promptSubmitEnding'])['ending'],
      });
    default:
      return nothing;
  }
}

/** Text that arrives in the middle of a turn reaches the model as an attachment. */
function attachmentLine(entry: SessionStoreEntry): TranscriptLine {
  const attachment = asRecord(entry['attachment']);
  if (attachment['type'] === 'deferred_tools_delta') return mcpServersLine(attachment);
  const reason = readHookStop(entry);
  if (reason !== undefined) return { is: 'hook_stop', reason };
  if (attachment['type'] === 'hook_non_blocking_error') {
    const { hookName: hook_name, hookEvent: hook_event, stderr, exitCode: exit_code } = attachment;
    return systemFrame('hook_response', { outcome: 'error', hook_name, hook_event, stderr, exit_code });
  }
  if (attachment['type'] !== 'queued_command') return nothing;
  const { origin, prompt } = attachment;
  const turnOrigin = attachment['isMeta'] === true ? 'system' : undefined;
  const id = entry.uuid ?? '';
  const message = incomingOfLine({ origin, turnOrigin }, textOf(prompt), id);
  if (message) return { is: 'incoming', message, isPrompt: false };
  if (attachment['commandMode'] === 'task-notification') return nothing;
  const content = blocksOf(prompt);
  return content.length === 0 ? nothing : { is: 'aside', id, content };
}

/**
 * The message of a hook that stops the turn; undefined for any other line. A hook that runs at the end of a turn stops
 * nothing.
 */
export function readHookStop(entry: SessionStoreEntry): string | undefined {
  const { type, message, hookEvent } = asRecord(entry['attachment']);
  if (type !== 'hook_stopped_continuation' || hookEvent === 'Stop' || hookEvent === 'SubagentStop') return undefined;
  return asText(message) ?? '';
}

function mcpServersLine(attachment: Record<string, unknown>): TranscriptLine {
  const names = [...asList(attachment['addedNames']), ...asList(attachment['readdedNames'])];
  const connected = names.flatMap((name) => /^mcp__(.+?)__/.exec(asText(name) ?? '')?.[1] ?? []);
  const { pendingMcpServers: pending, failedMcpServers: failed } = attachment;
  if ([pending, failed, connected].every((servers) => asList(servers).length === 0)) return nothing;
  return { is: 'mcp_servers', pending, failed, connected: [...new Set(connected)] };
}

/** What waits to be delivered to the agent: text, or that a task has ended. */
function queueLine(entry: SessionStoreEntry): TranscriptLine {
  const content = asText(entry['content']) ?? '';
  if (entry['operation'] !== 'enqueue' || !content.startsWith('<task-notification>')) return nothing;
  const taskId = textBetween(content, 'task-id');
  if (taskId === undefined) return nothing;
  return { is: 'task_end', taskId, toolCallId: textBetween(content, 'tool-use-id') };
}

function localOutput(output: string, uuid: string): TranscriptLine {
  const text = withoutTags(output).trim();
  return text === '' ? nothing : systemFrame('local_command_output', { content: text, uuid });
}

function systemFrame(subtype: string, fields: Record<string, unknown>): TranscriptLine {
  return { is: 'frame', frame: { type: 'system', subtype, ...fields } };
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return asList(content)
    .filter(isRecord)
    .flatMap((block) => asText(block['text']) ?? [])
    .join('\n');
}

function blocksOf(content: unknown): ContentBlock[] {
  if (typeof content === 'string') return [{ type: 'text', text: withoutPasteMarks(content) }];
  return asList(content)
    .filter(isRecord)
    .flatMap((block): ContentBlock[] => {
      const text = block['type'] === 'text' ? asText(block['text']) : undefined;
      if (text !== undefined) return [{ type: 'text', text: withoutPasteMarks(text) }];
      return block['type'] === 'image' ? [{ type: 'text', text: '[an image]' }] : [];
    });
}
