/**
 * Messages that reach the agent without a person having written them here: from another session's agent, a prompt that
 * the agent scheduled for later, or the end of a background task. A transcript labels each of them; a hook receives
 * only the text, inside the program's own tags. Nobody else can forge these tags: what another agent writes is inside
 * them, and another frame announces the agent's own prompts.
 */
import { dropUndefined } from '../../../lib/drop-undefined.ts';
import type { IncomingKind } from '../../../protocol/event.ts';
import type { AgentEventOf } from '../../agent-backend.ts';
import { asRecord, asText } from './loose-json.ts';
import { oneLine } from './one-line.ts';

export type IncomingMessage = AgentEventOf<'incoming_message'>;

const maxNameLength = 100;

// How a transcript labels lines that the program does not attribute to a person.
const byOrigin: Readonly<Record<string, IncomingKind>> = {
  peer: 'teammate',
  'task-notification': 'background_task',
  coordinator: 'other',
  observer: 'other',
  'observer-activity': 'other',
  channel: 'other',
  'auto-continuation': 'other',
};
const byTurnOrigin: Readonly<Record<string, IncomingKind>> = {
  peer: 'teammate',
  scheduled: 'wake_up',
  task_notification: 'background_task',
  auto_continuation: 'other',
  host_synthetic: 'other',
  system: 'other',
};
const bySubkind: Readonly<Record<string, IncomingKind>> = {
  'scheduled-trigger': 'wake_up',
  'peer-send-message': 'teammate',
};

/** Undefined for what a person wrote, and for lines without a label. */
export function incomingOfLine(
  line: { origin: unknown; turnOrigin?: unknown },
  text: string,
  messageId: string,
): IncomingMessage | undefined {
  const origin = asRecord(line.origin);
  const kind =
    (asText(origin['senderTaskId']) === undefined ? undefined : 'sub_agent') ??
    lookUp(bySubkind, origin['subkind']) ??
    lookUp(byOrigin, origin['kind']) ??
    lookUp(byTurnOrigin, line.turnOrigin);
  if (kind === undefined) return undefined;
  const name = asText(origin['name']) ?? asText(origin['server']) ?? asText(origin['from']);
  const { kind: marked, ...inside } = unwrapped(text);
  const said = marked === kind ? inside : { words: text };
  return message(messageId, kind, { ...said, ...dropUndefined({ words: asText(origin['body']), name }) });
}

/** `isWakeUp`: the program has announced that the agent scheduled this prompt for later. */
export function incomingOfHook(text: string, isWakeUp: boolean, messageId: string): IncomingMessage {
  if (isWakeUp) return message(messageId, 'wake_up', { words: text });
  const { kind = 'other', ...rest } = unwrapped(text);
  return message(messageId, kind, rest);
}

interface Unwrapped {
  kind?: IncomingKind;
  words: string;
  name?: string;
}

// Up to the last closing tag, because the text itself may contain one.
const envelope =
  /^<(cross-session-message|teammate-message|agent-message)((?:\s+[\w-]+="[^"]*")*)\s*>\n?([\s\S]*?)\n?<\/\1>\s*$/;

/** The text without the program's tags. */
function unwrapped(text: string): Unwrapped {
  if (text.startsWith('<task-notification>')) return { kind: 'background_task', words: wordsOfTask(text) };
  const [, tag, attributes = '', words] = envelope.exec(text) ?? [];
  if (words === undefined) return { words: text };
  const name = /\bfrom-name="([^"]*)"/.exec(attributes)?.[1] ?? /\bfrom="([^"]*)"/.exec(attributes)?.[1];
  return { kind: tag === 'agent-message' ? 'sub_agent' : 'teammate', words, ...dropUndefined({ name }) };
}

// What people need: everything except ids and counts, which are removed only where they cannot be part of the text.
const taskHead = /^<task-notification>\n?(?:<(task-id|tool-use-id|output-file|status)>[^<]*<\/\1>\n?)*/;
const taskEnd = /\n?(?:<usage>(?:<\w+>\d+<\/\w+>)*<\/usage>\n?)?<\/task-notification>\s*$/;
const taskWords =
  /^<summary>([\s\S]*?)<\/summary>(?:\n<note>A task-notification fires [^<]*<\/note>)?(?:\n<result>([\s\S]*)<\/result>)?$/;

function wordsOfTask(text: string): string {
  const inner = text.replace(taskHead, '').replace(taskEnd, '');
  const [, summary, result] = taskWords.exec(inner) ?? [];
  if (summary === undefined) return inner.trim() === '' ? text : inner;
  return result === undefined ? summary : `${summary}\n\n${result}`;
}

function message(messageId: string, kind: IncomingKind, { words, name }: Unwrapped): IncomingMessage {
  const named = name === undefined ? {} : { name: oneLine(name, maxNameLength) };
  return { type: 'incoming_message', messageId, origin: { kind, ...named }, content: [{ type: 'text', text: words }] };
}

function lookUp(kinds: Readonly<Record<string, IncomingKind>>, name: unknown): IncomingKind | undefined {
  return typeof name === 'string' && Object.hasOwn(kinds, name) ? kinds[name] : undefined;
}
