import { memo, type ReactNode, useState } from 'react';
import type { ToolCallContent } from '../../protocol/event.ts';
import type { ChatLog, Item, ToolCall, ToolResult } from '../state/chat-log.ts';
import { withDrafts } from '../state/fold.ts';
import { printed, readable, readableLine } from '../text/hidden.ts';
import { Picture } from './content.tsx';
import { Diff } from './diff.tsx';
import { Icon, type IconName } from './icons.tsx';
import { LongText } from './long-text.tsx';
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

type Status = 'making' | 'asking' | 'running' | 'completed' | 'failed' | 'unknown';
const statusWords: Record<Status, string> = {
  making: 'being written',
  asking: 'waits for you',
  running: 'running',
  completed: 'done',
  failed: 'failed',
  unknown: 'no result',
};

export interface ToolCardProps {
  item: Extract<Item, { kind: 'tool' }>;
  result: ToolResult | undefined;
  isTurnOpen: boolean;
  /** A decision about it waits for a person. */
  isAsking: boolean;
  /** Of a sub-agent; only then what it did is looked for. */
  log: ChatLog | undefined;
  /** Draws what a sub-agent did. */
  drawItem: (item: Item, log: ChatLog) => ReactNode;
}

export const ToolCard = memo(function ToolCard({ item, result, isTurnOpen, isAsking, log, drawItem }: ToolCardProps) {
  const { call } = item;
  const status: Status =
    call.partialInput !== undefined
      ? 'making'
      : (result?.status ?? (!isTurnOpen ? 'unknown' : isAsking ? 'asking' : 'running'));
  const isAgent = call.toolName === 'Agent' || call.toolName === 'Task';
  const isTelling = call.kind === 'execute' || call.kind === 'edit' || isAgent || status === 'failed';
  const [isOpen, setOpen] = useExpanded(item.key, isTelling);
  const name = readableLine(call.toolName, 60);
  const told = readableLine(call.title, 200);
  // The name stands before it already.
  const title = told.startsWith(`${name} `) ? told.slice(name.length + 1) : told;
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
          {isAgent && log && <SubAgent toolCallId={call.toolCallId} log={log} drawItem={drawItem} />}
          <Body call={call} result={result} />
        </div>
      )}
    </section>
  );
});

function Body({ call, result }: { call: ToolCall; result: ToolResult | undefined }): ReactNode {
  if (call.partialInput !== undefined) return <LongText text={readable(call.partialInput)} className="output" />;
  const input = asRecord(call.input);
  const command = input['command'];
  const hasDiff = result?.content.some((part) => part.type === 'diff') === true;
  return (
    <>
      {call.kind === 'execute' && typeof command === 'string' ? (
        <pre className="command">{readable(command)}</pre>
      ) : call.kind === 'other' || call.kind === 'think' ? (
        <Input input={input} />
      ) : call.kind === 'edit' && !hasDiff ? (
        <EditInput input={input} />
      ) : null}
      {result?.content.map((part, index) => (
        <Part key={index} part={part} />
      ))}
    </>
  );
}

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

/** An edit that is not made yet, or was not: as far as its input tells. */
function EditInput({ input }: { input: Record<string, unknown> }) {
  const { old_string: before, new_string: after, content } = input;
  if (typeof after === 'string') return <Diff oldText={typeof before === 'string' ? before : null} newText={after} />;
  if (typeof content === 'string') return <Diff oldText={null} newText={content} />;
  return <Input input={input} />;
}

const shortLines = 12;
const shortLength = 1_500;

function Part({ part }: { part: ToolCallContent }) {
  const [isWhole, setWhole] = useState(false);
  if (part.type === 'diff') {
    return (
      <figure className="change">
        <figcaption>
          <bdi>{readableLine(part.path, 300)}</bdi>
          {part.oldText === null && <span className="quiet"> new file</span>}
        </figcaption>
        <Diff oldText={part.oldText} newText={part.newText} />
      </figure>
    );
  }
  if (part.content.type === 'image') return <Picture block={part.content} />;
  const text = part.content.text.trimEnd();
  if (text === '') return null;
  const short = shortened(text);
  if (isWhole || short === undefined) return <LongText text={printed(text)} className="output" />;
  return (
    <>
      <pre className="output">{printed(short)}</pre>
      <button type="button" className="plain" onClick={() => setWhole(true)}>
        Show all ({text.length.toLocaleString('en-US')} characters)
      </button>
    </>
  );
}

/** The first lines of what is long; undefined for what is not. */
function shortened(text: string): string | undefined {
  let end = -1;
  for (let line = 0; line < shortLines; line += 1) {
    end = text.indexOf('\n', end + 1);
    if (end === -1) break;
  }
  const cut = Math.min(end === -1 ? text.length : end, shortLength);
  return cut < text.length ? text.slice(0, cut) : undefined;
}

const firstSteps = 4;

function SubAgent({
  toolCallId,
  log,
  drawItem,
}: { toolCallId: string; log: ChatLog } & Pick<ToolCardProps, 'drawItem'>) {
  const [isWhole, setWhole] = useExpanded(`sub ${toolCallId}`, false);
  const items = withDrafts(log.children.get(toolCallId) ?? [], log.drafts, toolCallId);
  if (items.length === 0) return null;
  const hidden = isWhole ? 0 : Math.max(0, items.length - firstSteps);
  return (
    <div className="sub-agent" role="group" aria-label="What the sub-agent did">
      {hidden > 0 && (
        <button type="button" className="plain" onClick={() => setWhole(true)}>
          Show {hidden} earlier {hidden === 1 ? 'step' : 'steps'}
        </button>
      )}
      {items.slice(hidden).map((item) => (
        <div key={item.key}>{drawItem(item, log)}</div>
      ))}
    </div>
  );
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
