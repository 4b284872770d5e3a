import { Fragment, memo, use, useMemo } from 'react';
import type { ToolCallContent } from '../../../protocol/event.ts';
import type { ChatLog, Item, ToolCall, ToolResult } from '../../state/chat-log.ts';
import { printed, readable, readableLine } from '../../text/readable.ts';
import { numberedLines } from '../../text/numbered-lines.ts';
import { patchLines } from '../../text/patch-lines.ts';
import { CwdContext } from './cwd-context.ts';
import { Diff } from '../parts/diff.tsx';
import { FileView } from './file-view.tsx';
import { Icon, type IconName } from '../parts/icon.tsx';
import { LongText } from '../parts/long-text.tsx';
import { type DrawItem, SubAgent } from './sub-agent.tsx';
import { ToolPart } from './tool-part.tsx';
import { useExpanded } from './use-expanded.ts';

const icons: Record<ToolCall['kind'], IconName> = {
  read: 'read',
  edit: 'pencil',
  delete: 'trash',
  move: 'chevron',
  search: 'search',
  execute: 'terminal',
  think: 'plan',
  fetch: 'globe',
  other: 'tool',
};

type Status = 'making' | 'asking' | 'running' | 'background' | 'completed' | 'failed' | 'unknown';
const statusWords: Record<Status, string> = {
  making: 'being written',
  asking: 'waits for you',
  running: 'running',
  background: 'in the background',
  completed: 'done',
  failed: 'failed',
  unknown: 'no result',
};

export interface ToolCardProps {
  item: Extract<Item, { kind: 'tool' }>;
  result: ToolResult | undefined;
  isTurnOpen: boolean;
  /** A decision about this call is pending. */
  isAsking: boolean;
  /** The call continues in the background. */
  isInBackground: boolean;
  /** Only set for sub-agents, whose steps are then looked up. */
  log: ChatLog | undefined;
  /** Renders a step of a sub-agent. */
  drawItem: DrawItem;
}

function statusOf({ item, result, isTurnOpen, isAsking, isInBackground }: ToolCardProps): Status {
  if (item.call.partialInput !== undefined) return 'making';
  if (isInBackground) return 'background';
  if (result) return result.status;
  if (isAsking) return 'asking';
  return isTurnOpen ? 'running' : 'unknown';
}

export const isAgentTool = (name: string): boolean => name === 'Agent' || name === 'Task';

export const ToolCard = memo(function ToolCard(props: ToolCardProps) {
  const { item, result, isTurnOpen, log, drawItem } = props;
  const { call } = item;
  const status = statusOf(props);
  const isAgent = isAgentTool(call.toolName);
  // The pending decision below shows the input already.
  const isTelling =
    status === 'failed' || (status !== 'asking' && (call.kind === 'execute' || call.kind === 'edit' || isAgent));
  const [isOpen, setOpen] = useExpanded(item.key, isTelling);
  const name = readableLine(call.toolName, 60);
  const title = titleOf(call, name, use(CwdContext));
  return (
    <section className={`tool tool-${status}`} aria-label={`${name}: ${title}, ${statusWords[status]}`}>
      <button type="button" className="tool-head" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name={isAgent ? 'agent' : icons[call.kind]} />
        <span className="tool-name">{name}</span>
        <span className="tool-title">
          <bdi>{title === name ? '' : title}</bdi>
        </span>
        <span className="tool-status">{statusWords[status]}</span>
      </button>
      {isOpen && (
        <div className="tool-body">
          {isAgent && log && (
            <SubAgent
              toolCallId={call.toolCallId}
              prompt={asRecord(call.input)['prompt']}
              log={log}
              isAlive={isTurnOpen || status === 'background'}
              drawItem={drawItem}
            />
          )}
          <Body call={call} result={isAgent && log ? withoutRepeat(call, result, log) : result} isAgent={isAgent} />
        </div>
      )}
    </section>
  );
});

/** A sub-agent returns its last message, which is already shown above. */
function withoutRepeat({ toolCallId }: ToolCall, result: ToolResult | undefined, log: ChatLog): ToolResult | undefined {
  const last = log.children.get(toolCallId)?.at(-1);
  if (!result || last?.kind !== 'message') return result;
  const said = last.content.map((block) => (block.type === 'text' ? block.text.trim() : ''));
  return {
    ...result,
    content: result.content.filter((part) => !isText(part) || !said.includes(part.content.text.trim())),
  };
}

/** On one line, without the tool's name, and with paths relative to the chat's directory. */
function titleOf(call: ToolCall, name: string, cwd: string): string {
  // The server has replaced newlines by their names.
  const text = readableLine(call.title.replaceAll('\u240a', ' '), 200);
  const title = text.startsWith(`${name} `) ? text.slice(name.length + 1) : text;
  return cwd !== '' && title.startsWith(`${cwd}/`) ? title.slice(cwd.length + 1) : title;
}

function Body({ call, result, isAgent }: { call: ToolCall; result: ToolResult | undefined; isAgent: boolean }) {
  const lines = useMemo(() => patchLines(result?.rawOutput), [result]);
  if (call.partialInput !== undefined) return <LongText text={readable(call.partialInput)} className="output" />;
  const input = asRecord(call.input);
  const { command, file_path: path } = input;
  const diffs = result?.content.filter((part) => part.type === 'diff').length ?? 0;
  return (
    <>
      {call.kind === 'execute' && typeof command === 'string' ? (
        <pre className="command">{readable(command)}</pre>
      ) : call.kind === 'other' || (call.kind === 'think' && !isAgent) ? (
        <Input input={input} />
      ) : call.kind === 'edit' && diffs === 0 ? (
        <EditInput input={input} />
      ) : null}
      {result?.content.map((part, index) => {
        const named = typeof path === 'string' ? path : '';
        const file = call.kind === 'read' && isText(part) ? numberedLines(part.content.text) : undefined;
        if (!file) return <ToolPart key={index} part={part} named={named} lines={diffs === 1 ? lines : undefined} />;
        return (
          <Fragment key={index}>
            <FileView id={`${call.toolCallId} ${index}`} path={named} file={file} />
            {file.rest !== '' && <LongText text={printed(file.rest)} className="output" />}
          </Fragment>
        );
      })}
    </>
  );
}

type TextPart = { type: 'content'; content: { type: 'text'; text: string } };
const isText = (part: ToolCallContent): part is TextPart => part.type === 'content' && part.content.type === 'text';

function Input({ input }: { input: Record<string, unknown> }) {
  const fields = Object.entries(input);
  if (fields.length === 0) return null;
  return (
    <details className="tool-input">
      <summary>Input</summary>
      <LongText text={readable(JSON.stringify(input, null, 2))} className="output" />
    </details>
  );
}

/** An edit that was not made, or not yet, reconstructed from its input. */
function EditInput({ input }: { input: Record<string, unknown> }) {
  const { old_string: before, new_string: after, content } = input;
  if (typeof after === 'string') return <Diff oldText={typeof before === 'string' ? before : null} newText={after} />;
  if (typeof content === 'string') return <Diff oldText={null} newText={content} />;
  return <Input input={input} />;
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
