/**
 * What is held of one chat: a stretch of its log, `first` to `last` without a hole, and the previews behind it. Events
 * come at the end as they happen, and at the beginning as somebody scrolls up. So each event makes its own item, and what
 * an event says about another one (a result, an answer, a turn's end) is kept by id and looked up when it is drawn.
 */
import type { ContentBlock } from '../../protocol/content.ts';
import type { EventOf } from '../../protocol/event.ts';

export type Item =
  | { key: string; seq: number; kind: 'prompt'; promptId: string }
  | { key: string; seq: number; kind: 'user'; content: ContentBlock[] }
  | {
      key: string;
      seq: number;
      kind: 'incoming';
      origin: EventOf<'incoming_message'>['origin'];
      content: ContentBlock[];
    }
  | { key: string; seq: number; kind: 'message' | 'thought'; content: ContentBlock[]; isDraft?: boolean }
  | { key: string; seq: number; kind: 'tool'; call: ToolCall }
  | { key: string; seq: number; kind: 'decision'; asked: EventOf<'decision_requested'> }
  | { key: string; seq: number; kind: 'flip'; backend: string }
  | { key: string; seq: number; kind: 'notice'; level: 'info' | 'warning' | 'error'; code: string; text: string }
  | { key: string; seq: number; kind: 'turn'; finished: EventOf<'turn_finished'> };

export interface ToolCall {
  toolCallId: string;
  toolName: string;
  title: string;
  kind: EventOf<'tool_call'>['kind'];
  input: unknown;
  turnId: string | undefined;
  /** The input as far as it has streamed; only of a preview. */
  partialInput?: string;
}

export type ToolResult = Pick<EventOf<'tool_call_update'>, 'status' | 'content' | 'rawOutput'>;
export type Settled = Pick<EventOf<'decision_resolved'>, 'outcome' | 'by' | 'via' | 'message' | 'input'>;

export interface TurnTimes {
  startedAt?: string;
  finishedAt?: string;
}

/** The newest of what is told again and again. Undefined while the stretch does not hold one. */
export interface Latest {
  plan?: EventOf<'plan'>;
  usage?: EventOf<'usage_update'>;
  tasks?: EventOf<'background_tasks'>;
  commands?: EventOf<'available_commands_update'>;
  session?: EventOf<'session_started'>;
  ended?: EventOf<'turn_finished'>;
  rewound?: EventOf<'session_rewound'>;
  /** The agent goes on without what was said before. */
  forgotten?: EventOf<'session_rewound' | 'notice'>;
}

export interface ChatLog {
  /** The seq before the oldest event that is held; 0 when the log is held from its beginning. */
  readonly before: number;
  /** The seq of the newest event that is held. */
  readonly last: number;
  readonly items: readonly Item[];
  /** Of sub-agents, by the tool call that started them. */
  readonly children: ReadonlyMap<string, readonly Item[]>;
  readonly prompts: ReadonlyMap<string, ContentBlock[]>;
  /** Prompts whose turn has begun, or that were cancelled. */
  readonly taken: ReadonlySet<string>;
  /** The seq of the newest event that says whether a prompt waits: its turn began, it was cancelled, or given back. */
  readonly fates: ReadonlyMap<string, number>;
  /** Prompts that wait, in their order. */
  readonly waiting: readonly string[];
  readonly results: ReadonlyMap<string, ToolResult>;
  readonly settled: ReadonlyMap<string, Settled>;
  /** The decision that a tool call waits for, or waited for. */
  readonly askedFor: ReadonlyMap<string, string>;
  readonly turns: ReadonlyMap<string, TurnTimes>;
  readonly latest: Latest;
  /** The turn that runs. */
  readonly openTurn: string | undefined;
  /** Previews of what is not stored yet, in the order they began. */
  readonly drafts: readonly Draft[];
}

export interface Draft {
  /** As the item will be called that the stored event makes. */
  key: string;
  parent: string | undefined;
  kind: 'message' | 'thought' | 'tool';
  text: string;
  toolCallId: string;
  title: string;
}

export function emptyLog(at = 0): ChatLog {
  return {
    before: at,
    last: at,
    items: [],
    children: new Map(),
    prompts: new Map(),
    taken: new Set(),
    fates: new Map(),
    waiting: [],
    results: new Map(),
    settled: new Map(),
    askedFor: new Map(),
    turns: new Map(),
    latest: {},
    openTurn: undefined,
    drafts: [],
  };
}

/** An event that does not follow the last one: something is missing, and has to be asked for. */
export class LogHole extends Error {
  override readonly name = 'LogHole';
  constructor(last: number, seq: number) {
    super(`Event ${seq} came after event ${last}.`);
  }
}
