/**
 * Matches the pieces of an answer to events. The agent sends an answer twice: streamed, as numbered blocks of one API
 * message, and then complete, as one frame per block that names the message but not the block. Both must get the same
 * id, `<message>/<block>`, even if nothing was streamed, blocks were left out, or a message was retried.
 */
export type BlockKind = 'text' | 'thinking' | 'tool' | 'other';

export interface OpenBlock {
  readonly kind: BlockKind;
  /** The id of this block's message or tool call. */
  readonly id: string;
  /** The tool's name; empty for other blocks. */
  readonly title: string;
  /** The complete block has arrived. */
  readonly settled: boolean;
}

export interface OpenMessage {
  readonly apiId: string;
  /** The prefix of block ids. A retry with the same API id gets another prefix. */
  readonly prefix: string;
  readonly attempt: number;
  readonly streamed: boolean;
  readonly blocks: ReadonlyMap<number, OpenBlock>;
  readonly next: number;
}

/** The newest message of the main loop (key '') and of each sub-agent (key: the tool call that started it). */
export type OpenMessages = ReadonlyMap<string, OpenMessage>;

// Sub-agents that ended cannot be distinguished from paused ones, so the oldest are dropped.
const maxOpenMessages = 64;

function begin(apiId: string, attempt: number, streamed: boolean): OpenMessage {
  const prefix = attempt === 1 ? apiId : `${apiId}.${attempt}`;
  return { apiId, prefix, attempt, streamed, blocks: new Map(), next: 0 };
}

function put(all: OpenMessages, parent: string, message: OpenMessage): OpenMessages {
  const next = new Map(all);
  next.delete(parent);
  next.set(parent, message);
  for (const oldest of next.keys()) {
    if (next.size <= maxOpenMessages) break;
    if (oldest !== '') next.delete(oldest);
  }
  return next;
}

/** Starts the stream of a message. */
export function beginMessage(all: OpenMessages, parent: string, apiId: string): OpenMessages {
  const before = all.get(parent);
  const attempt = before?.apiId === apiId ? before.attempt + 1 : 1;
  return put(all, parent, begin(apiId, attempt, true));
}

/** Starts the stream of one block. Undefined if there is no message that it could belong to. */
export function beginBlock(
  all: OpenMessages,
  parent: string,
  index: number,
  block: { kind: BlockKind; id?: string | undefined; title?: string | undefined },
): OpenMessages | undefined {
  const message = all.get(parent);
  if (!message) return undefined;
  const blocks = new Map(message.blocks);
  const id = block.id ?? `${message.prefix}/${index}`;
  blocks.set(index, { kind: block.kind, id, title: block.title ?? '', settled: false });
  return put(all, parent, { ...message, blocks, next: Math.max(message.next, index + 1) });
}

/**
 * The complete blocks of a frame have arrived: returns the id of each. A single block is the one that was streamed
 * last, because frames arrive block by block and an empty block gets none; several blocks settle in order.
 */
export function settleBlocks(
  all: OpenMessages,
  parent: string,
  apiId: string,
  kinds: readonly BlockKind[],
): { openMessages: OpenMessages; ids: string[] } {
  const open = all.get(parent);
  const message = open?.apiId === apiId ? open : begin(apiId, 1, false);
  const blocks = new Map(message.blocks);
  let next = message.next;
  const ids = kinds.map((kind) => {
    const waiting = [...blocks].filter(([, block]) => block.kind === kind && !block.settled);
    const match = kinds.length === 1 ? waiting.at(-1) : waiting[0];
    const index = match?.[0] ?? next;
    next = Math.max(next, index + 1);
    const id = match?.[1].id ?? `${message.prefix}/${index}`;
    blocks.set(index, { kind, id, title: '', settled: true });
    return id;
  });
  return { openMessages: put(all, parent, { ...message, blocks, next }), ids };
}
