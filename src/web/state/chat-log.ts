/**
 * What the app holds of one chat: a gapless range of its log, `first` to `last`, followed by previews. Events are
 * appended as they happen and prepended as the user scrolls up. Each event therefore makes its own item, and whatever an
 * event says about another one (a result, an answer, the end of a turn) is stored by id and looked up at render time.
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
  | {
      key: string;
      seq: number;
      kind: 'message' | 'thought';
      content: ContentBlock[];
      isDraft?: boolean;
      isPartial?: true;
    }
  | { key: string; seq: number; kind: 'tool'; call: ToolCall }
  | { key: string; seq: number; kind: 'decision'; asked: EventOf<'decision_requested'> }
  | { key: string; seq: number; kind: 'flip'; backend: string }
  | { key: string; seq: number; kind: 'rewind'; started: EventOf<'files_rewind_started'> }
  | { key: string; seq: number; kind: 'notice'; level: 'info' | 'warning' | 'error'; code: string; text: string }
  | { key: string; seq: number; kind: 'turn'; finished: EventOf<'turn_finished'> };

export interface ToolCall {
  toolCallId: string;
  toolName: string;
  title: string;
  kind: EventOf<'tool_call'>['kind'];
  input: unknown;
  turnId: string | undefined;
  /** The input streamed so far; only set in a preview. */
  partialInput?: string;
}

export type ToolResult = Pick<EventOf<'tool_call_update'>, 'status' | 'content' | 'rawOutput'>;
export type Settled = Pick<EventOf<'decision_resolved'>, 'outcome' | 'by' | 'via' | 'message' | 'input'>;

export interface TurnTimes {
  startedAt?: string;
  finishedAt?: string;
  /** The turn whose call it continues with. */
  continues?: string;
}

/** The newest of events that supersede each other. Undefined until the held range contains one. */
export interface Latest {
  plan?: EventOf<'plan'>;
  usage?: EventOf<'usage_update'>;
  tasks?: EventOf<'background_tasks'>;
  commands?: EventOf<'available_commands_update'>;
  session?: EventOf<'session_started'>;
  ended?: EventOf<'turn_finished'>;
  rewound?: EventOf<'session_rewound'>;
  /** The agent's context was cleared. */
  forgotten?: EventOf<'session_rewound' | 'notice'>;
}

export interface ChatLog {
  /** The seq before the oldest held event; 0 once the log is held from its start. */
  readonly before: number;
  /** The seq of the newest held event. */
  readonly last: number;
  readonly items: readonly Item[];
  /** Items of sub-agents, by the tool call that started them. */
  readonly children: ReadonlyMap<string, readonly Item[]>;
  readonly prompts: ReadonlyMap<string, ContentBlock[]>;
  /** Prompts whose turn has started, or that were cancelled. */
  readonly taken: ReadonlySet<string>;
  /** The seq of the newest event that changed the queue: a turn started, or a prompt was cancelled or returned to it. */
  readonly fates: ReadonlyMap<string, number>;
  /** Queued prompts, in order. */
  readonly waiting: readonly string[];
  readonly results: ReadonlyMap<string, ToolResult>;
  readonly settled: ReadonlyMap<string, Settled>;
  /** Decisions whose answer the agent did not get. */
  readonly withoutEffect: ReadonlySet<string>;
  /** The decision that a tool call is or was waiting for. */
  readonly askedFor: ReadonlyMap<string, string>;
  readonly turns: ReadonlyMap<string, TurnTimes>;
  /** Rewinds of files that have ended, by id. */
  readonly rewinds: ReadonlyMap<string, EventOf<'files_rewound'>>;
  readonly latest: Latest;
  /** The running turn. */
  readonly openTurn: string | undefined;
  /** Previews of content that is not stored yet, in the order they started. */
  readonly drafts: readonly Draft[];
}

export interface Draft {
  /** The key of the item that the stored event will make. */
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
    withoutEffect: new Set(),
    askedFor: new Map(),
    rewinds: new Map(),
    turns: new Map(),
    latest: {},
    openTurn: undefined,
    drafts: [],
  };
}

/** Thrown when an event does not follow the last one: events are missing and must be fetched. */
export class LogHole extends Error {
  override readonly name = 'LogHole';
  constructor(last: number, seq: number) {
    super(`Event ${seq} came after event ${last}.`);
  }
}
