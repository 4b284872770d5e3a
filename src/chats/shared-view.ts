/**
 * What whoever has a link sees of a chat: what was said, and what the agent did. Everything else has to be named here to be
 * seen: no costs, no decisions, no settings, no directories, no ids of people. Of texts nothing is removed.
 */
import type { Delta, Event, EventBody, FeedItem } from '../protocol/event.ts';
import { noUsage } from '../protocol/usage.ts';
import type { EventPage } from '../protocol/event.ts';
import type { SharedChat } from '../protocol/share-link.ts';
import type { Chats, Reader } from './chats.ts';
import { titleFrom } from './title.ts';

/** Undefined for an event that is not shown. */
export function sharedEvent(event: Event): Event | undefined {
  const { chatId, seq, at, turnId } = event;
  const body = bodyOf(event);
  return body && { chatId, seq, at, ...(turnId !== undefined && { turnId }), ...body };
}

function bodyOf(event: Event): EventBody | undefined {
  switch (event.type) {
    case 'user_message': {
      const { type, messageId, content } = event;
      return { type, messageId, content };
    }
    case 'incoming_message': {
      const { type, messageId, origin, content } = event;
      return { type, messageId, origin, content };
    }
    case 'agent_message':
    case 'agent_thought': {
      const { type, messageId, content, parentToolCallId, isPartial } = event;
      return { type, messageId, content, parentToolCallId, isPartial };
    }
    case 'tool_call': {
      const { type, toolCallId, title, kind, toolName, rawInput, parentToolCallId } = event;
      return { type, toolCallId, title, kind, toolName, rawInput, parentToolCallId };
    }
    case 'tool_call_update': {
      const { type, toolCallId, status, content, rawOutput, parentToolCallId } = event;
      return { type, toolCallId, status, content, rawOutput: patchOf(rawOutput), parentToolCallId };
    }
    case 'plan': {
      const { type, entries } = event;
      return { type, entries };
    }
    case 'prompt_accepted': {
      const { type, promptId, content, by } = event;
      return { type, promptId, content, by };
    }
    case 'prompt_cancelled': {
      const { type, promptId } = event;
      return { type, promptId };
    }
    case 'session_rewound': {
      const { type, promptIds } = event;
      return { type, promptIds, sessionId: '' };
    }
    case 'turn_started': {
      const { type, turnId, promptIds, continuesTurnId } = event;
      return { type, turnId, promptIds, continuesTurnId };
    }
    case 'turn_finished': {
      const { type, turnId, outcome, error, requeuedPromptIds } = event;
      // Messages of errors tell of the machine and the account.
      const told = error && { code: error.code, message: 'The turn failed.' };
      return { type, turnId, outcome, error: told, usage: noUsage, costUsd: 0, requeuedPromptIds };
    }
    case 'session_started':
    case 'usage_update':
    case 'current_mode_update':
    case 'current_model_update':
    case 'current_effort_update':
    case 'current_directory_update':
    case 'session_info_update':
    case 'available_commands_update':
    case 'background_tasks':
    case 'notice':
    case 'prompts_reordered':
    case 'files_rewind_started':
    case 'files_rewound':
    case 'chat_forked':
    case 'queue_held':
    case 'queue_resumed':
    case 'decision_requested':
    case 'decision_resolved':
    case 'chat_updated':
    case 'schedule_created':
    case 'schedule_paused':
    case 'schedule_resumed':
    case 'schedule_removed':
    case 'schedule_skipped':
      return undefined;
    default:
      // A type of a newer version: of such nobody has said that it is shown.
      event satisfies never;
      return undefined;
  }
}

/** An agent's own result may hold a whole file where only a change of it is shown. */
function patchOf(rawOutput: unknown): unknown {
  const { structuredPatch } = (rawOutput ?? {}) as { structuredPatch?: unknown };
  return Array.isArray(structuredPatch) ? { structuredPatch } : null;
}

/** Previews are the beginnings of messages and calls, which are shown. */
function sharedDelta(delta: Delta): Delta | undefined {
  switch (delta.type) {
    case 'agent_message_chunk':
    case 'agent_thought_chunk':
    case 'tool_call_chunk':
      return delta;
    default:
      delta satisfies never;
      return undefined;
  }
}

/** What a link shows, up to an event if it says so. */
export interface SharedScope {
  chatId: string;
  untilSeq: number | null;
}

export async function readSharedEvents(
  chats: Pick<Chats, 'readEvents'>,
  { chatId, untilSeq }: SharedScope,
  { after, limit }: { after: number; limit: number },
): Promise<Pick<EventPage, 'items' | 'next'>> {
  const end = untilSeq ?? Infinity;
  if (after >= end) return { items: [], next: null };
  const { items, next } = await chats.readEvents(chatId, { after, limit });
  const shown = items.filter(({ seq }) => seq <= end);
  return { items: shown.flatMap((event) => sharedEvent(event) ?? []), next: next !== null && next < end ? next : null };
}

/** Its title, if it was given one. Of a part of the chat it is the beginning of the first prompt, which belongs to that part. */
export async function readSharedTitle(
  chats: Pick<Chats, 'readEvents' | 'getChat'>,
  scope: SharedScope,
): Promise<SharedChat['title']> {
  if (scope.untilSeq === null) {
    const { title, cwd } = await chats.getChat(scope.chatId);
    // Without one, chats are called after their directory.
    return cwd === title || cwd.endsWith(`/${title}`) ? null : title;
  }
  const { items } = await readSharedEvents(chats, scope, { after: 0, limit: 50 });
  const first = items.find((event) => event.type === 'prompt_accepted');
  const text = first?.content.find((block) => block.type === 'text')?.text;
  return text === undefined ? null : titleFrom(text);
}

/** What a reader yields, as it is shown. */
export function sharedReader(reader: Reader): Reader {
  return {
    items: sharedItems(reader.items),
    get end() {
      return reader.end;
    },
    close: () => reader.close(),
  };
}

async function* sharedItems(items: AsyncIterable<FeedItem>): AsyncGenerator<FeedItem, void, undefined> {
  for await (const item of items) {
    if (item.kind === 'resume') yield item;
    else if (item.kind === 'event') {
      const event = sharedEvent(item.event);
      if (event) yield { kind: 'event', event };
    } else {
      const delta = sharedDelta(item.delta);
      if (delta) yield { kind: 'delta', delta };
    }
  }
}
