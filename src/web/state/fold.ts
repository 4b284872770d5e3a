import type { ContentBlock } from '../../protocol/content.ts';
import type { Delta, Event } from '../../protocol/event.ts';
import { type ChatLog, type Draft, type Item, type Latest, LogHole } from './chat-log.ts';
import { toItems } from './to-items.ts';

/** A map that is copied once, on its first write. */
function lazyMap<K, V>(source: ReadonlyMap<K, V>) {
  let copy: Map<K, V> | undefined;
  return {
    get: (key: K): V | undefined => (copy ?? source).get(key),
    set(key: K, value: V): void {
      (copy ??= new Map(source)).set(key, value);
    },
    done: (): ReadonlyMap<K, V> => copy ?? source,
  };
}

/** The maps of a log while events are being added. */
function openMaps(log: ChatLog) {
  const maps = {
    prompts: lazyMap(log.prompts),
    results: lazyMap(log.results),
    settled: lazyMap(log.settled),
    askedFor: lazyMap(log.askedFor),
    turns: lazyMap(log.turns),
    rewinds: lazyMap(log.rewinds),
    children: lazyMap(log.children),
    fates: lazyMap(log.fates),
  };
  let taken = log.taken;
  let withoutEffect = log.withoutEffect;
  let latest = log.latest;
  const decide = (promptId: string, seq: number, isTaken: boolean): void => {
    if ((maps.fates.get(promptId) ?? 0) > seq) return;
    maps.fates.set(promptId, seq);
    if (taken.has(promptId) === isTaken) return;
    const changed = new Set(taken);
    if (isTaken) changed.add(promptId);
    else changed.delete(promptId);
    taken = changed;
  };
  const newest = <K extends keyof Latest>(name: K, value: NonNullable<Latest[K]>): void => {
    if ((latest[name]?.seq ?? 0) < value.seq) latest = { ...latest, [name]: value };
  };

  /** Stores what the event says about other events. */
  function note(event: Event): void {
    switch (event.type) {
      case 'prompt_accepted':
        return maps.prompts.set(event.promptId, event.content);
      case 'prompt_cancelled':
        return decide(event.promptId, event.seq, true);
      case 'turn_started':
        for (const id of event.promptIds) decide(id, event.seq, true);
        return maps.turns.set(event.turnId, {
          ...maps.turns.get(event.turnId),
          startedAt: event.at,
          ...(event.continuesTurnId === undefined ? {} : { continues: event.continuesTurnId }),
        });
      case 'queue_resumed':
        for (const id of event.requeuedPromptIds ?? []) decide(id, event.seq, false);
        return;
      case 'turn_finished':
        for (const id of event.requeuedPromptIds ?? []) decide(id, event.seq, false);
        newest('ended', event);
        return maps.turns.set(event.turnId, { ...maps.turns.get(event.turnId), finishedAt: event.at });
      case 'tool_call_update': {
        const { status, content, rawOutput } = event;
        return maps.results.set(event.toolCallId, { status, content, rawOutput });
      }
      case 'decision_requested':
        if (event.toolCallId !== undefined) maps.askedFor.set(event.toolCallId, event.decisionId);
        return;
      case 'decision_resolved': {
        const { outcome, by, via, message, input } = event;
        return maps.settled.set(event.decisionId, {
          outcome,
          by,
          ...(via === undefined ? {} : { via }),
          ...(message === undefined ? {} : { message }),
          ...(input === undefined ? {} : { input }),
        });
      }
      case 'files_rewound':
        return maps.rewinds.set(event.rewindId, event);
      case 'plan':
        return newest('plan', event);
      case 'usage_update':
        return newest('usage', event);
      case 'session_rewound':
        newest('forgotten', event);
        return newest('rewound', event);
      case 'notice':
        if (event.code === 'conversation_reset') newest('forgotten', event);
        if (event.code === 'decision_without_effect')
          withoutEffect = new Set([...withoutEffect, String(event.data?.['decisionId'])]);
        return;
      case 'background_tasks':
        if ((latest.session?.seq ?? 0) > event.seq) return;
        return newest('tasks', event);
      case 'available_commands_update':
        return newest('commands', event);
      case 'session_started':
        // Background tasks end with the program that ran them.
        if ((latest.tasks?.seq ?? 0) < event.seq) latest = withoutTasks(latest);
        return newest('session', event);
      default:
        return;
    }
  }
  const done = () => ({
    prompts: maps.prompts.done(),
    results: maps.results.done(),
    settled: maps.settled.done(),
    askedFor: maps.askedFor.done(),
    turns: maps.turns.done(),
    rewinds: maps.rewinds.done(),
    children: maps.children.done(),
    fates: maps.fates.done(),
    taken,
    withoutEffect,
    latest,
  });
  /** With neither a turn's start nor its end in the held range, only its other events show that one is running. */
  const tellsOfTurns = (): boolean => maps.turns.done().size > 0;
  return { ...maps, note, done, tellsOfTurns };
}

function withoutTasks(latest: Latest): Latest {
  const rest = { ...latest };
  delete rest.tasks;
  return rest;
}

/** The last turn failed because the context is too long, and has not been rewound. */
export function isTooLong({ latest }: ChatLog): boolean {
  return latest.ended?.error?.code === 'context_exceeded' && latest.ended.seq > (latest.rewound?.seq ?? 0);
}

/** The agent's plan; undefined if the context was cleared since. */
export const knownPlan = ({ latest }: ChatLog): Latest['plan'] => sinceForgotten(latest, latest.plan);

/** How full the context is; undefined if it was cleared since. */
export const knownUsage = ({ latest }: ChatLog): Latest['usage'] => sinceForgotten(latest, latest.usage);

function sinceForgotten<E extends Event>({ forgotten }: Latest, event: E | undefined): E | undefined {
  return event && event.seq > (forgotten?.seq ?? 0) ? event : undefined;
}

/** The log of a chat whose program has exited, along with everything it was running. */
export const asCold = (log: ChatLog): ChatLog =>
  log.latest.tasks === undefined ? log : { ...log, latest: withoutTasks(log.latest) };

const parentOf = (event: Event): string | undefined =>
  'parentToolCallId' in event ? event.parentToolCallId : undefined;

/** The turn running when this event was stored. Events settled after a restart may belong to an earlier turn. */
const turnItIsOf = (event: Event): string | undefined =>
  event.type === 'decision_resolved' ? undefined : event.turnId;

const isRetry = (item: Item | undefined): boolean => item?.kind === 'notice' && item.code === 'api_retry';

/** Appends an item. Repeated request failures become one line: the newest, in the position of the first. */
function put(items: Item[], made: readonly Item[]): void {
  const last = items.at(-1);
  const [next] = made;
  if (last && next && isRetry(last) && isRetry(next)) items[items.length - 1] = { ...next, key: last.key };
  else items.push(...made);
}

/** Appends newer events. Events already held are skipped; a gap throws `LogHole`. */
export function append(log: ChatLog, events: readonly Event[]): ChatLog {
  const fresh = events.filter((event) => event.seq > log.last);
  if (fresh.length === 0) return log;
  const maps = openMaps(log);
  const items: Item[] = [...log.items];
  let { last, openTurn, drafts } = log;
  let waiting = [...log.waiting];
  for (const event of fresh) {
    if (event.seq <= last) continue;
    if (event.seq !== last + 1) throw new LogHole(last, event.seq);
    last = event.seq;
    if (openTurn === undefined && !maps.tellsOfTurns()) openTurn = turnItIsOf(event);
    maps.note(event);
    const made = toItems(event);
    const parent = parentOf(event);
    if (parent === undefined) put(items, made);
    else if (made.length > 0) maps.children.set(parent, [...(maps.children.get(parent) ?? []), ...made]);
    if (made.length > 0) drafts = without(drafts, made);
    if (event.type === 'prompt_accepted' && !waiting.includes(event.promptId)) waiting.push(event.promptId);
    if ('requeuedPromptIds' in event && event.requeuedPromptIds) {
      const first = event.requeuedPromptIds;
      waiting = [...first, ...waiting.filter((id) => !first.includes(id))];
    }
    if (event.type === 'prompt_cancelled') waiting = waiting.filter((id) => id !== event.promptId);
    if (event.type === 'prompts_reordered') waiting = reordered(waiting, event.promptIds);
    if (event.type === 'turn_started') {
      waiting = waiting.filter((id) => !event.promptIds.includes(id));
      openTurn = event.turnId;
    }
    if (event.type === 'turn_finished') {
      openTurn = undefined;
      // Calls that started and were never stored were abandoned.
      drafts = [];
    }
  }
  return { ...log, ...maps.done(), items, last, openTurn, drafts, waiting };
}

/** Prepends older events, up to the one before `first`. */
export function prepend(log: ChatLog, events: readonly Event[]): ChatLog {
  const older = events.filter((event) => event.seq <= log.before);
  if (older.length === 0) return log;
  const newest = older.at(-1)?.seq ?? 0;
  if (newest !== log.before) throw new LogHole(newest, log.before + 1);
  const maps = openMaps(log);
  const items: Item[] = [];
  const waiting: string[] = [];
  const childrenBefore = new Map<string, Item[]>();
  let openTurn = log.openTurn;
  // No later event belongs to a turn, so the newest of these that does tells which one is running.
  const isUntold = openTurn === undefined && !maps.tellsOfTurns();
  for (const event of older) {
    if (isUntold) openTurn = turnItIsOf(event) ?? openTurn;
    maps.note(event);
    const parent = parentOf(event);
    const made = toItems(event);
    if (parent === undefined) put(items, made);
    else childrenBefore.set(parent, [...(childrenBefore.get(parent) ?? []), ...made]);
    if (event.type === 'prompt_accepted') waiting.push(event.promptId);
  }
  for (const [parent, made] of childrenBefore)
    maps.children.set(parent, [...made, ...(maps.children.get(parent) ?? [])]);
  if (isRetry(items.at(-1)) && isRetry(log.items[0])) items.pop();
  const done = maps.done();
  for (const [turnId, times] of done.turns) if (times.startedAt && !times.finishedAt) openTurn = turnId;
  if (openTurn !== undefined && done.turns.get(openTurn)?.finishedAt !== undefined) openTurn = undefined;
  const known = new Set(log.waiting);
  const stillWaiting = waiting.filter((id) => !done.taken.has(id) && !known.has(id));
  return {
    ...log,
    ...done,
    before: (older[0]?.seq ?? 1) - 1,
    items: [...items, ...log.items],
    waiting: [...stillWaiting, ...log.waiting],
    openTurn,
  };
}

/** Applies a delta. Previews are dropped when their event arrives, and after every reconnect. */
export function preview(log: ChatLog, deltas: readonly Delta[]): ChatLog {
  if (deltas.length === 0) return log;
  const drafts = [...log.drafts];
  for (const delta of deltas) {
    const key = draftKey(delta);
    const at = drafts.findIndex((draft) => draft.key === key);
    const draft = drafts[at] ?? newDraft(key, delta);
    const piece = delta.type === 'tool_call_chunk' ? delta.partialInput : delta.content.text;
    const grown = { ...draft, text: draft.text + piece };
    if (at === -1) drafts.push(grown);
    else drafts[at] = grown;
  }
  return { ...log, drafts };
}

export const dropDrafts = (log: ChatLog): ChatLog => (log.drafts.length === 0 ? log : { ...log, drafts: [] });

/** The queued prompts as the server lists them, including those accepted before the held range. */
export function setWaiting(log: ChatLog, items: readonly { promptId: string; content: ContentBlock[] }[]): ChatLog {
  const prompts = new Map(log.prompts);
  for (const { promptId, content } of items) prompts.set(promptId, content);
  const listed = items.map(({ promptId }) => promptId).filter((id) => !log.taken.has(id));
  // The log may be newer than the list. An event says when a prompt leaves the queue.
  return { ...log, prompts, waiting: [...listed, ...log.waiting.filter((id) => !listed.includes(id))] };
}

function draftKey(delta: Delta): string {
  if (delta.type === 'tool_call_chunk') return `c:${delta.toolCallId}`;
  return `${delta.type === 'agent_message_chunk' ? 'm' : 't'}:${delta.messageId}`;
}

function newDraft(key: string, delta: Delta): Draft {
  const kind = delta.type === 'tool_call_chunk' ? 'tool' : delta.type === 'agent_message_chunk' ? 'message' : 'thought';
  return {
    key,
    kind,
    parent: delta.parentToolCallId,
    text: '',
    toolCallId: delta.type === 'tool_call_chunk' ? delta.toolCallId : '',
    title: delta.type === 'tool_call_chunk' ? delta.title : '',
  };
}

function without(drafts: readonly Draft[], made: readonly Item[]): readonly Draft[] {
  return drafts.some((draft) => made.some((item) => item.key === draft.key))
    ? drafts.filter((draft) => !made.some((item) => item.key === draft.key))
    : drafts;
}

/** Sorts by the given order; ids it does not name keep their relative order at the end. */
function reordered(waiting: readonly string[], order: readonly string[]): string[] {
  const named = order.filter((id) => waiting.includes(id));
  return [...named, ...waiting.filter((id) => !order.includes(id))];
}

/** The items and previews of one level, as rendered. */
export function withDrafts(
  items: readonly Item[],
  drafts: readonly Draft[],
  parent: string | undefined,
): readonly Item[] {
  const here = drafts.filter((draft) => draft.parent === parent);
  if (here.length === 0) return items;
  return [...items, ...here.map(draftItem)];
}

function draftItem(draft: Draft): Item {
  const { key, text, kind } = draft;
  const seq = Number.MAX_SAFE_INTEGER;
  if (kind !== 'tool') return { key, seq, kind, content: [{ type: 'text', text }], isDraft: true };
  const { toolCallId, title } = draft;
  const call = { toolCallId, toolName: title, title, kind: 'other' as const, input: undefined, turnId: undefined };
  return { key, seq, kind: 'tool', call: { ...call, partialInput: text } };
}
