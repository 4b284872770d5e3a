/** Describes a tool call to people, and classifies it by the kinds of the Agent Client Protocol. */
import type { toolKinds } from '../../../protocol/event.ts';
import { asList, asRecord, asText, type LooseRecord } from './loose-json.ts';
import { oneLine } from './one-line.ts';

export type ToolKind = (typeof toolKinds)[number];

interface ToolWords {
  kind: ToolKind;
  title: (input: LooseRecord) => string | undefined;
}

const field =
  (name: string, before = '') =>
  (input: LooseRecord): string | undefined => {
    const value = asText(input[name]);
    return value === undefined ? undefined : before + value;
  };

function search(input: LooseRecord): string | undefined {
  const pattern = asText(input['pattern']);
  const place = asText(input['path']) ?? asText(input['glob']);
  if (pattern === undefined) return undefined;
  return `Search ${pattern}${place === undefined ? '' : ` in ${place}`}`;
}

function question(input: LooseRecord): string | undefined {
  const questions = asList(input['questions']).flatMap((entry) => asText(asRecord(entry)['question']) ?? []);
  return questions.length === 0 ? undefined : questions.join(' · ');
}

function todos(input: LooseRecord): string | undefined {
  const entries = asList(input['todos']).map(asRecord);
  if (entries.length === 0) return undefined;
  const done = entries.filter((entry) => entry['status'] === 'completed').length;
  const current = entries.find((entry) => entry['status'] === 'in_progress');
  const doing = asText(current?.['activeForm']) ?? asText(current?.['content']);
  return `Plan: ${done} of ${entries.length} done${doing === undefined ? '' : `, ${doing}`}`;
}

function taskUpdate(input: LooseRecord): string | undefined {
  const id = asText(input['taskId']);
  const change = asText(input['status']) ?? asText(input['subject']);
  return id === undefined ? undefined : `Plan: task ${id}${change === undefined ? '' : ` → ${change}`}`;
}

const tools: Readonly<Record<string, ToolWords>> = {
  Bash: { kind: 'execute', title: field('command') },
  PowerShell: { kind: 'execute', title: field('command') },
  BashOutput: { kind: 'execute', title: field('bash_id', 'Output of ') },
  TaskOutput: { kind: 'execute', title: field('task_id', 'Output of ') },
  KillShell: { kind: 'execute', title: field('shell_id', 'Stop ') },
  TaskStop: { kind: 'execute', title: field('task_id', 'Stop ') },
  Monitor: { kind: 'execute', title: (input) => asText(input['command']) ?? asText(input['description']) },
  Read: { kind: 'read', title: field('file_path', 'Read ') },
  NotebookRead: { kind: 'read', title: field('notebook_path', 'Read ') },
  LS: { kind: 'search', title: field('path', 'List ') },
  Edit: { kind: 'edit', title: field('file_path', 'Edit ') },
  MultiEdit: { kind: 'edit', title: field('file_path', 'Edit ') },
  Write: { kind: 'edit', title: field('file_path', 'Write ') },
  NotebookEdit: { kind: 'edit', title: field('notebook_path', 'Edit ') },
  Glob: { kind: 'search', title: search },
  Grep: { kind: 'search', title: search },
  ToolSearch: { kind: 'search', title: field('query', 'Search tools: ') },
  WebFetch: { kind: 'fetch', title: field('url', 'Fetch ') },
  web_fetch: { kind: 'fetch', title: field('url', 'Fetch ') },
  WebSearch: { kind: 'fetch', title: field('query', 'Search the web: ') },
  web_search: { kind: 'fetch', title: field('query', 'Search the web: ') },
  Agent: { kind: 'think', title: field('description') },
  Task: { kind: 'think', title: field('description') },
  TodoWrite: { kind: 'think', title: todos },
  TaskCreate: { kind: 'think', title: field('subject', 'Plan: ') },
  TaskUpdate: { kind: 'think', title: taskUpdate },
  TaskList: { kind: 'think', title: () => 'Plan: list tasks' },
  TaskGet: { kind: 'think', title: field('taskId', 'Plan: show task ') },
  EnterPlanMode: { kind: 'think', title: () => 'Start planning' },
  ExitPlanMode: { kind: 'think', title: (input) => field('plan', 'Plan ready: ')(input) ?? 'End planning' },
  AskUserQuestion: { kind: 'other', title: question },
  Skill: { kind: 'other', title: field('skill', 'Skill ') },
  SlashCommand: { kind: 'other', title: field('command') },
  ReadMcpResource: { kind: 'read', title: field('uri', 'Read ') },
  ReadMcpResourceDir: { kind: 'read', title: field('uri', 'List ') },
};

// For an unknown tool, the first of these that is present says most.
const tellingFields = [
  'command',
  'file_path',
  'path',
  'query',
  'pattern',
  'url',
  'uri',
  'name',
  'title',
  'description',
];

function wordsFor(toolName: string): ToolWords | undefined {
  return Object.hasOwn(tools, toolName) ? tools[toolName] : undefined;
}

export function toolKind(toolName: string): ToolKind {
  return wordsFor(toolName)?.kind ?? 'other';
}

/** At most 200 characters on one line, control characters made visible. */
export function toolTitle(toolName: string, input: unknown): string {
  const fields = asRecord(input);
  const title = wordsFor(toolName)?.title(fields);
  if (title !== undefined) return oneLine(title);
  const telling = tellingFields.flatMap((name) => asText(fields[name]) ?? [])[0];
  const name = readableName(toolName);
  return oneLine(telling === undefined ? name : `${name}: ${telling}`);
}

/** For a call that a person is asked about: the tool's name, once, and what the call is for. */
export function askedTitle(toolName: string, input: unknown): string {
  const title = toolTitle(toolName, input);
  return title === toolName || title.startsWith(`${toolName}: `) ? title : `${toolName}: ${title}`;
}

/** `mcp__server__tool` as `server · tool`. */
function readableName(toolName: string): string {
  const [, server, tool] = /^mcp__(.+?)__(.+)$/s.exec(toolName) ?? [];
  return server !== undefined && tool !== undefined ? `${server} · ${tool}` : toolName;
}
