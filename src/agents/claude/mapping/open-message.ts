/**
 * Which event a piece of an answer belongs to. The agent sends an answer twice: streamed, as numbered blocks of one
 * API message, and then whole, as one frame per block that names the message but not the block. Both must end under
 * one id, `<message>/<block>`, also when nothing was streamed, when blocks were left out, and when a message was tried again.
 */
export type BlockKind = 'text' | 'thinking' | 'tool' | 'other';

export interface OpenBlock {
  readonly kind: BlockKind;
  /** The id of the message or of the tool call that this block becomes. */
  readonly id: string;
  /** The tool's name; empty for other blocks. */
  readonly title: string;
  /** The whole block has come. */
  readonly settled: boolean;
}

export interface OpenMessage {
  readonly apiId: string;
  /** What block ids begin with. A second try under the same API id gets another prefix. */
  readonly prefix: string;
  readonly attempt: number;
  readonly streamed: boolean;
  readonly blocks: ReadonlyMap<number, OpenBlock>;
  readonly next: number;
}

/** The newest message of the main loop (key '') and of each sub-agent (key: the tool call that started it). */
export type OpenMessages = ReadonlyMap<string, OpenMessage>;

// Sub-agents that ended are not told apart from those that pause, so the oldest give way.
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

/** The stream of a message begins. */
export function beginMessage(all: OpenMessages, parent: string, apiId: string): OpenMessages {
  const before = all.get(parent);
  const attempt = before?.apiId === apiId ? before.attempt + 1 : 1;
  return put(all, parent, begin(apiId, attempt, true));
}

/** The stream of one block begins. Undefined without a message that it could belong to. */
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
 * The whole blocks of a frame have come: gives the id of each. A lone block is the one that was streamed last, since
 * frames come block by block and an empty block gets none; several blocks settle in their order.
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
