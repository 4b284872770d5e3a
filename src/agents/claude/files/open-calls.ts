/** Which tool calls of a transcript have no result. */
import { asList, asRecord, asText, type LooseRecord } from '../mapping/loose-json.ts';

export type Entry = { type: string } & Record<string, unknown>;

/** A call that has no result, in the last message of the agent in its session. */
export interface OpenCall {
  /** The assistant's entry with the call. */
  entry: Entry;
  toolName: string;
  input: unknown;
  /** The program will ask about it again as it is. */
  isDeferred: boolean;
}

/** Reads a transcript entry by entry, and knows which of its calls are still open. */
export class OpenCalls {
  readonly #open = new Map<string, OpenCall>();

  add(entry: Entry): void {
    if (entry['isSidechain'] === true) return;
    const deferred = deferredBy(entry);
    if (deferred !== undefined) return this.#defer(deferred);
    if (entry.type === 'assistant') return this.#addCalls(entry);
    if (entry.type !== 'user') return;
    const results = blocksOf(entry).flatMap((block) => asText(block['tool_use_id']) ?? []);
    for (const id of results) this.#open.delete(id);
    // The conversation has moved on: the program would not look for an earlier call.
    if (results.length === 0 && entry['isMeta'] !== true) this.#open.clear();
  }

  find(toolCallId: string): OpenCall | undefined {
    return this.#open.get(toolCallId);
  }

  /** The ids of all. */
  get ids(): string[] {
    return [...this.#open.keys()];
  }

  /** The one that the program will ask about by itself. */
  get deferredId(): string | undefined {
    return [...this.#open].findLast(([, call]) => call.isDeferred)?.[0];
  }

  #defer(id: string): void {
    // The program asks about the last one alone.
    for (const [each, call] of this.#open) this.#open.set(each, { ...call, isDeferred: each === id });
  }

  #addCalls(entry: Entry): void {
    // With its next message the agent has moved on without the calls of the last one. A message has several entries.
    for (const [id, call] of this.#open) if (messageOf(call.entry) !== messageOf(entry)) this.#open.delete(id);
    for (const block of blocksOf(entry)) {
      const [id, toolName] = [asText(block['id']), asText(block['name'])];
      if (block['type'] !== 'tool_use' || id === undefined || toolName === undefined) continue;
      this.#open.set(id, { entry, toolName, input: block['input'], isDeferred: false });
    }
  }
}

/** The ids of an entry's tool calls. */
export function callIdsIn(entry: Entry): string[] {
  if (entry.type !== 'assistant') return [];
  return blocksOf(entry).flatMap((block) => (block['type'] === 'tool_use' ? (asText(block['id']) ?? []) : []));
}

function deferredBy(entry: Entry): string | undefined {
  const attachment = entry.type === 'attachment' ? asRecord(entry['attachment']) : {};
  return attachment['type'] === 'hook_deferred_tool' ? asText(attachment['toolUseID']) : undefined;
}

const messageOf = (entry: Entry): unknown => asRecord(entry['message'])['id'];

function blocksOf(entry: Entry): LooseRecord[] {
  return asList(asRecord(entry['message'])['content']).map(asRecord);
}
