import type { BooClient } from '../../src/client/client.ts';
import type { AnswerDecision } from '../../src/protocol/decision.ts';
import type { Delta, Event, EventOf, EventType, FeedItem } from '../../src/protocol/event.ts';
import type { SubmitPrompt } from '../../src/protocol/prompt.ts';

export interface Turn {
  turnId: string;
  /** From the prompt's own event to the turn's end. */
  events: Event[];
  deltas: Delta[];
  /** The agent's text, without its sub-agents. */
  text: string;
  finished: EventOf<'turn_finished'>;
}

export interface TurnOptions {
  id?: string;
  /** Answers what the agent asks; without it a question fails the test. */
  answer?: (asked: EventOf<'decision_requested'>) => AnswerDecision;
  /** Called with everything as it arrives. */
  onItem?: (item: FeedItem) => void;
  timeoutMs?: number;
}

/** Sends a prompt and follows the chat until the turn that took it has finished. */
export async function runTurn(
  client: BooClient,
  chatId: string,
  content: SubmitPrompt['content'],
  options: TurnOptions = {},
): Promise<Turn> {
  const { head } = await client.getChat(chatId);
  const seen: { events: Event[]; deltas: Delta[] } = { events: [], deltas: [] };
  let promptId: string | undefined;
  let turnId: string | undefined;
  const found = await followUntil(
    client,
    chatId,
    async (item) => {
      options.onItem?.(item);
      if (item.kind === 'resume' && promptId === undefined) {
        ({ promptId } = await client.prompt(chatId, {
          content,
          ...(options.id === undefined ? {} : { id: options.id }),
        }));
      }
      if (item.kind === 'delta') seen.deltas.push(item.delta);
      if (item.kind !== 'event') return false;
      const { event } = item;
      seen.events.push(event);
      if (event.type === 'turn_started' && promptId !== undefined && event.promptIds.includes(promptId)) {
        turnId = event.turnId;
      }
      if (event.type === 'decision_requested') {
        if (!options.answer) throw new Error(`The agent asked, and nobody was expected to answer: ${event.title}`);
        await client.decide(event.decisionId, options.answer(event));
      }
      return event.type === 'turn_finished' && event.turnId === turnId;
    },
    { after: head, timeoutMs: options.timeoutMs },
  );
  const finished = found.kind === 'event' ? (found.event as EventOf<'turn_finished'>) : undefined;
  if (!finished) throw new Error('A turn ended without its last event.');
  return { turnId: finished.turnId, ...seen, text: textIn(seen.events), finished };
}

/** Follows a chat until `isEnough` accepts an item, and returns that item. */
export async function followUntil(
  client: BooClient,
  chatId: string,
  isEnough: (item: FeedItem) => boolean | Promise<boolean>,
  options: { after?: number | undefined; timeoutMs?: number | undefined } = {},
): Promise<FeedItem> {
  const { timeoutMs = 40_000, after } = options;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeoutMs);
  const types: string[] = [];
  try {
    for await (const item of client.follow(chatId, { after, signal: abort.signal })) {
      types.push(item.kind === 'event' ? item.event.type : item.kind);
      if (await isEnough(item)) return item;
    }
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
  throw new Error(`Timed out after ${timeoutMs} ms of following a chat. Seen: ${types.join(', ')}.`);
}

/** The next event of a type after a seq, live or from the log. */
export async function nextEvent<T extends EventType>(
  client: BooClient,
  chatId: string,
  type: T,
  options: { after?: number; timeoutMs?: number } = {},
): Promise<EventOf<T>> {
  const item = await followUntil(client, chatId, (each) => each.kind === 'event' && each.event.type === type, options);
  return (item as { event: Event }).event as EventOf<T>;
}

/** The first preview of a turn that is running or about to start. */
export async function nextDelta(client: BooClient, chatId: string, after = 0): Promise<Delta> {
  const item = await followUntil(client, chatId, (each) => each.kind === 'delta', { after });
  return (item as { delta: Delta }).delta;
}

/** The whole log, page by page. */
export async function readLog(client: BooClient, chatId: string): Promise<Event[]> {
  const events: Event[] = [];
  for (let after: number | null = 0; after !== null;) {
    const page = await client.events(chatId, { after, limit: 1000 });
    events.push(...page.items);
    after = page.next;
  }
  return events;
}

export function textIn(events: readonly Event[]): string {
  return events
    .flatMap((event) => (event.type === 'agent_message' && event.parentToolCallId === undefined ? event.content : []))
    .map((block) => (block.type === 'text' ? block.text : ''))
    .join('\n');
}

export function eventsOf<T extends EventType>(events: readonly Event[], type: T): EventOf<T>[] {
  return events.filter((event): event is EventOf<T> => event.type === type);
}
