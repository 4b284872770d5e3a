/** Which idle agent ends first when its memory is needed: the coldest, and the cheapest to wake. */

export interface IdleAgent {
  readonly chatId: string;
  /** It was started ahead of a prompt that has not come. */
  readonly isAhead: boolean;
  /** The model's provider still has its conversation cached. */
  readonly isCached: boolean;
  readonly idleMs: number;
  /** How long its log is: the longer, the more its next agent has to read. */
  readonly head: number;
  /** Closes its session, and releases the chat. */
  end(): Promise<void>;
}

/** Events after which waking takes about twice as long. */
const longHead = 5_000;

/** How long it has been idle, weighed against what waking it costs. */
const coldness = ({ idleMs, head }: IdleAgent): number => idleMs / (1 + head / longHead);

const compare = (one: IdleAgent, other: IdleAgent): number =>
  Number(other.isAhead) - Number(one.isAhead) ||
  Number(one.isCached) - Number(other.isCached) ||
  coldness(other) - coldness(one);

export function firstToEnd(agents: Iterable<IdleAgent>): IdleAgent | undefined {
  return [...agents].toSorted(compare)[0];
}
