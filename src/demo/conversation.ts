/**
 * How the scripts see a request. Trap: the program puts reminders, notices and its own records between and after what a
 * person typed, in blocks of the same role and type; only what remains without them counts as typed.
 */
import { type Block, blocksOf, type MessagesRequest, textOfBlock } from './request.ts';

/** A line of the summary that replaces the conversation after a compaction: what was typed, as JSON. */
export const rememberedLine = /^- The person said: (".*")$/gm;

export interface ToolRound {
  id: string;
  name: string;
  input: Record<string, unknown>;
  /** Undefined while the call has no result. */
  result: string | undefined;
  isError: boolean;
}

export interface Conversation {
  model: string;
  /** Everything that was typed, oldest first, block by block. */
  typed: readonly string[];
  /** The last of it; empty if there is none. */
  lastTyped: string;
  /** How many images came with the last typed text. */
  images: number;
  /** The tool calls made since then, with their results. */
  rounds: readonly ToolRound[];
  /** What the program itself reported since then, for example the end of a background task. */
  notification: string | undefined;
  /** Tools that can be called, directly or after a search. */
  available: ReadonlySet<string>;
  /** Those that the program expects to be searched for first. */
  deferred: ReadonlySet<string>;
  /** Where the program wants a plan to be written; null outside plan mode. */
  planFile: string | null;
  /** The working directory named by the program; null if none. */
  cwd: string | null;
  /** The program asks this for itself, for example for a title; no person typed it. */
  aside: boolean;
  /** The JSON schema the answer must match; null for text. */
  schema: unknown;
  /** How often this very request arrived before, in the same session. */
  attempt: number;
}

const reminder = /<(system-reminder|local-command-caveat|command-[a-z]+|local-command-std[a-z]+)>[\s\S]*?<\/\1>/g;
const notificationTag = /<task-notification>[\s\S]*?<\/task-notification>/;
// The program's own text in the user role.
const programText = new RegExp(
  [
    /^\[Request interrupted by user.*\]$/,
    /^Tool loaded\.$/,
    /^This session is being continued from a previous conversation/,
    /^Output token limit hit/,
    /^Your response above was stopped/,
    /^Continue from where you left off\.$/,
  ]
    .map((pattern) => pattern.source)
    .join('|'),
);
// How the program passes on what was typed mid-turn, inside a reminder or in a separate message.
const midTurn = /The user sent a new message while you were working:\n([\s\S]*?)\n\nThis is how Claude Code/g;

function stringsOf(value: string | Block[]): string[] {
  return blocksOf(value).map((part) => (part.type === 'text' ? textOfBlock(part) : ''));
}

/** One per block: after a failed turn the program sends its text and the next one in one message. */
function typedTextsOf(value: string | Block[]): string[] {
  return stringsOf(value)
    .map((text) => text.replace(reminder, '').replace(notificationTag, '').trim())
    .filter((text) => text !== '' && !programText.test(text));
}

function midTurnTextsOf(value: string | Block[]): string[] {
  return stringsOf(value).flatMap((text) => [...text.matchAll(midTurn)].map((match) => (match[1] ?? '').trim()));
}

export function readConversation(request: MessagesRequest): Omit<Conversation, 'attempt'> {
  const typed: string[] = [];
  let rounds: ToolRound[] = [];
  let notification: string | undefined;
  let images = 0;
  const searched = new Set<string>();
  const everything = [
    ...stringsOf(request.system ?? ''),
    ...request.messages.flatMap((m) => stringsOf(m.content)),
  ].join('\n');

  for (const message of request.messages) {
    const blocks = blocksOf(message.content);
    if (message.role === 'assistant') {
      notification = undefined;
      for (const part of blocks) {
        if (part.type !== 'tool_use') continue;
        const round = roundOf(part);
        if (round.name === 'ToolSearch') searched.add(String(round.input['query']).replace(/^select:/, ''));
        else rounds.push(round);
      }
      continue;
    }
    for (const part of blocks) if (part.type === 'tool_result') settle(rounds, part);
    const imagesHere = blocks.filter((part) => part.type === 'image').length;
    if (message.role === 'user') typed.push(...rememberedTextsOf(message.content));
    const own = message.role === 'user' ? typedTextsOf(message.content) : [];
    const texts = [...own, ...midTurnTextsOf(message.content)];
    if (imagesHere > 0 && texts.length === 0) texts.push('');
    if (texts.length > 0) {
      typed.push(...texts);
      rounds = [];
      notification = undefined;
      images = imagesHere;
    }
    // A person who writes in the same message is answered.
    if (own.length === 0)
      notification = notificationTag.exec(stringsOf(message.content).join('\n'))?.[0] ?? notification;
  }

  const schema = request.output_config?.format?.schema ?? null;
  const loaded = (request.tools ?? []).flatMap((tool) => tool.name ?? []);
  const lists = [...everything.matchAll(/deferred tools[^\n]*\n((?:[\w-]+\n)*)/g)].map((match) => match[1] ?? '');
  const later = lists.join('').split('\n').filter(Boolean);
  return {
    model: request.model,
    typed,
    lastTyped: typed.at(-1) ?? '',
    images,
    rounds,
    notification,
    available: new Set([...loaded, ...later]),
    deferred: new Set(later.filter((name) => !loaded.includes(name) && !searched.has(name))),
    planFile: /plan (?:at|exists at) (\S+\.md)/.exec(everything)?.[1] ?? null,
    cwd: directoryIn(everything),
    aside: schema !== null || request.max_tokens === 1 || (loaded.length === 0 && everything.includes('cc_version=')),
    schema,
  };
}

/** The program tells where it works at the beginning, and again if that has changed, with what it was. */
function directoryIn(everything: string): string | null {
  const told = [...everything.matchAll(/Primary working directory: (.+?)(?: \(was .+\))?$/gm)];
  return told.at(-1)?.[1]?.trim() ?? null;
}

function rememberedTextsOf(value: string | Block[]): string[] {
  return stringsOf(value).flatMap((text) =>
    text.startsWith('This session is being continued')
      ? [...text.matchAll(rememberedLine)].map((match) => String(JSON.parse(match[1] ?? '""')))
      : [],
  );
}

function roundOf(part: Block): ToolRound {
  const input = part['input'];
  return {
    id: String(part['id']),
    name: String(part['name']),
    input: typeof input === 'object' && input !== null ? (input as Record<string, unknown>) : {},
    result: undefined,
    isError: false,
  };
}

function settle(rounds: ToolRound[], part: Block): void {
  const round = rounds.find((candidate) => candidate.id === part['tool_use_id']);
  if (!round) return;
  round.result = textOfBlock(part).replace(reminder, '').trim();
  round.isError = part['is_error'] === true;
}
