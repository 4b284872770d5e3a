/**
 * Words that reach the agent and that no person wrote to it here: a message of another session's agent, a prompt that
 * the agent left for later, the news of a task in the background. A transcript says beside each what it is; a hook is
 * given the words alone, and the program's own marks around them. No stranger can make these marks: what another agent
 * writes stands inside of them, and of the agent's own prompts another frame tells.
 */
import { dropUndefined } from '../../../lib/drop-undefined.ts';
import type { IncomingKind } from '../../../protocol/event.ts';
import type { AgentEventOf } from '../../agent-backend.ts';
import { asRecord, asText } from './loose-json.ts';
import { oneLine } from './one-line.ts';

export type IncomingMessage = AgentEventOf<'incoming_message'>;

const maxNameLength = 100;

// What a transcript says of lines that the program takes from no person.
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

/** Undefined for what a person wrote, and for what nobody says anything of. */
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

/** `isWakeUp`: the program has said that this prompt is one that the agent left for later. */
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

// To its last closing mark: one within the words ends nothing.
const envelope =
  /^<(cross-session-message|teammate-message|agent-message)((?:\s+[\w-]+="[^"]*")*)\s*>\n?([\s\S]*?)\n?<\/\1>\s*$/;

/** The words without the program's marks. */
function unwrapped(text: string): Unwrapped {
  if (text.startsWith('<task-notification>')) return { kind: 'background_task', words: wordsOfTask(text) };
  const [, tag, attributes = '', words] = envelope.exec(text) ?? [];
  if (words === undefined) return { words: text };
  const name = /\bfrom-name="([^"]*)"/.exec(attributes)?.[1] ?? /\bfrom="([^"]*)"/.exec(attributes)?.[1];
  return { kind: tag === 'agent-message' ? 'sub_agent' : 'teammate', words, ...dropUndefined({ name }) };
}

// What people need of it: all but ids and counts, and those only where nobody's words can stand between them.
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
